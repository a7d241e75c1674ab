"""Everything of a member as one document, and all members with their lots as a stream."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from comeback_kit.db import Connection, Database
from loyalty import uncounted
from loyalty.errors import MemberUnknown
from loyalty.history import names_of
from loyalty.import_rows import CSV_COLUMNS
from loyalty.members import peek

_CHUNK: Final = 1000
_MEMBERS: Final = """
select m.customer_id, m.balance, m.pending, m.held, m.shortfall, m.lifetime_earned, m.tier_id, m.created_at,
  p.tags, p.birthday, p.joined
from members m left join profiles p using (shop_id, customer_id)
where m.shop_id = $1 and m.customer_id > $2 and m.merged_into is null and m.erased_at is null
order by m.customer_id limit $3"""
# What was taken back or is owed was not earned after all: an import counts the rest of ``earned`` as used.
_LOTS: Final = """
select l.customer_id, l.lot_id, greatest(l.earned - l.clawed - l.shortfall, l.remaining + l.held) as earned,
  l.remaining + l.held as points, l.earned_at, l.available_at, l.expires_at
from unnest($2::text[]) u(customer_id) join lots l on l.shop_id = $1 and l.customer_id = u.customer_id
where l.earned - l.clawed - l.shortfall > 0 or l.remaining > 0 or l.held > 0
order by l.customer_id, l.earned_at, l.lot_id"""
_PARTS: Final = {
    "profile": "select tags, birthday, joined, fields from profiles where shop_id = $1 and customer_id = $2",
    "lots": """select lot_id, order_id, earned, clawed, shortfall, remaining, held, expired, earned_at, available_at,
      expires_at from lots where shop_id = $1 and customer_id = $2 order by earned_at, lot_id""",
    "redemptions": """select redemption_id, reward_id, order_id, state, points, spent, returned, value, currency,
      code, created_at, expires_at, resolved_at
      from redemptions where shop_id = $1 and customer_id = $2 order by created_at""",
    "counters": "select key, times, points from usage where shop_id = $1 and customer_id = $2 order by key",
}
_ENTRIES: Final = """
select e.customer_id, e.seq, e.line, e.kind, e.debit, e.credit, e.points, e.lot_id, e.order_id, e.redemption_id,
  e.reason, e.created_at
from unnest($2::text[]) u(customer_id) join entries e on e.shop_id = $1 and e.customer_id = u.customer_id
order by e.created_at, e.customer_id, e.seq, e.line"""
_TIER_CHANGES: Final = """
select c.customer_id, c.at, c.tier_id
from unnest($2::text[]) u(customer_id) join tier_changes c on c.shop_id = $1 and c.customer_id = u.customer_id
order by c.at, c.place"""
_ORDERS: Final = """
select o.order_id, o.state, o.program_version, coalesce(l.earned - l.clawed - l.shortfall, 0) as settled
from (
  select order_id from lots where shop_id = $1 and customer_id = $2 and order_id is not null
  union select unnest($3::text[])
) theirs join orders o on o.shop_id = $1 and o.order_id = theirs.order_id
left join lots l on l.shop_id = $1 and l.customer_id = $2 and l.lot_id = 'order:' || o.order_id
order by coalesce(l.earned_at, o.placed_at), o.order_id"""


async def everything(tx: Connection, shop_id: str, customer_id: str) -> dict[str, Any]:
    """All that is stored of one member. Raises ``MemberUnknown`` (404)."""
    book = await peek(tx, shop_id, customer_id)
    if book is None or book.erased_at is not None:
        raise MemberUnknown
    names = await names_of(tx, shop_id, book.customer_id)
    found: dict[str, Any] = {
        "customer_id": book.customer_id,
        "ids": names,
        "balance": book.balance,
        "pending": book.pending,
        "held": book.held,
        "shortfall": book.shortfall,
        "lifetime_earned": book.lifetime_earned,
        "tier": {"id": book.standing.level_id, "since": book.standing.since, "until": book.standing.until},
    }
    for name, statement in _PARTS.items():
        found[name] = [dict(row) for row in await tx.fetch(statement, shop_id, book.customer_id)]
    found["entries"] = [dict(row) for row in await tx.fetch(_ENTRIES, shop_id, sorted(names))]
    found["tier_changes"] = [dict(row) for row in await tx.fetch(_TIER_CHANGES, shop_id, sorted(names))]
    found["orders"] = await _orders(tx, shop_id, book.customer_id, names)
    return found


async def _orders(tx: Connection, shop_id: str, customer_id: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Those that the member earned with, and those that were ordered under one of the names and never earned."""
    others = {one.order_id: one for one in await uncounted.find(tx, [(shop_id, name) for name in names])}
    rows = [
        {**dict(row), "state": msgspec.json.decode(row["state"])}
        for row in await tx.fetch(_ORDERS, shop_id, customer_id, list(others))
    ]
    unsure = {order_id for order_id, one in others.items() if one.buyer is None}
    return [row for row in rows if row["order_id"] not in unsure or _buyer(row["state"]) in names]


def _buyer(state: dict[str, Any]) -> str | None:
    return (state.get("customer") or {}).get("customer_id")


async def members(db: Database, shop_id: str, *, as_csv: bool) -> AsyncIterator[bytes]:
    """All members with their lots, in the form in which they can be imported; memory stays flat."""
    after = ""
    if as_csv:
        yield _line(CSV_COLUMNS)
    while True:
        async with db.request(shop_id) as tx:
            rows = [dict(row) for row in await tx.fetch(_MEMBERS, shop_id, after, _CHUNK)]
            lots = await tx.fetch(_LOTS, shop_id, [row["customer_id"] for row in rows])
        by_member: dict[str, list[dict[str, Any]]] = {row["customer_id"]: [] for row in rows}
        for lot in lots:
            by_member[lot["customer_id"]].append({name: value for name, value in lot.items() if name != "customer_id"})
        chunk = [_csv_rows(row, by_member) if as_csv else _json_row(row, by_member) for row in rows]
        if chunk:
            yield b"".join(chunk)
        if len(rows) < _CHUNK:
            return
        after = rows[-1]["customer_id"]


def _json_row(row: dict[str, Any], lots: dict[str, list[dict[str, Any]]]) -> bytes:
    member = {
        "customer_id": row["customer_id"],
        "lots": lots[row["customer_id"]],
        "tags": row["tags"] or None,
        "birthday": row["birthday"],
        "joined": row["joined"],
    }
    return msgspec.json.encode({name: value for name, value in member.items() if value is not None}) + b"\n"


def _csv_rows(row: dict[str, Any], lots: dict[str, list[dict[str, Any]]]) -> bytes:
    person = {
        "customer_id": row["customer_id"],
        "tags": "|".join(row["tags"] or ()),
        "birthday": row["birthday"],
        "joined": row["joined"],
    }
    found = lots[row["customer_id"]] or [{}]
    return b"".join(_line([_cell({**person, **lot}.get(column)) for column in CSV_COLUMNS]) for lot in found)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
