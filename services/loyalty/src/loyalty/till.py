"""One member at the till: what a redemption reads and writes, in as few round trips as correctness allows.

A hold and its end are four each: begin; lock, and read what the lock guards; write everything; commit. A statement sees
what was committed when it began, not when it got its lock: where it had to wait, the lots are read once more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from comeback_kit import outbox, timers
from comeback_kit.db import Connection
from loyalty import posting, redemption_rows
from loyalty.books import Book, LotRow
from loyalty.columns import LOT_COLUMNS, MEMBER_COLUMNS
from loyalty.ledger import Ledger
from loyalty.members import merged_meanwhile
from loyalty.notices import Notices
from loyalty.redemption_rows import COLUMNS, Redemption, from_values, values
from loyalty.rewards import Reward

HOLD_TIMER: Final = redemption_rows.HOLD_TIMER

_MEMBER: Final = ", ".join(f"m.{column}" for column in MEMBER_COLUMNS)
_LOT: Final = ", ".join(f"l.{column}" for column in LOT_COLUMNS)
# ``fresh``: whether the member is as this statement's snapshot has them. Whoever changes a lot rewrites its member's
# row, so then the lots of the snapshot are the present ones; else another transaction was waited for, and they are read
# anew. An id that was merged before the snapshot is not locked: its account is, in its place.
_LOCKED: Final = f"""
select {_MEMBER}, s.revision, {_LOT}, m.xmin = (select x.xmin from members x where %s) as fresh%s
from members m join shops s on s.shop_id = m.shop_id %s
left join lots l on l.shop_id = m.shop_id and l.customer_id = m.customer_id and (l.remaining > 0 or l.held > 0)
where %s for update of m"""
_HERE: Final = "{0}.shop_id = $1 and {0}.customer_id = $2"
_UNMERGED: Final = f"{_HERE.format('m')} and (select x.merged_into from members x where {_HERE.format('x')}) is null"
_THERE: Final = """{0}.shop_id = $1 and {0}.customer_id = (
  select y.customer_id from redemptions y where y.shop_id = $1 and y.redemption_id = $2)"""
_LOCK: Final = _LOCKED % (_HERE.format("x"), "", "", _UNMERGED)
_LOCK_REWARD: Final = _LOCKED % (
    _HERE.format("x"),
    ", w.reward_id, w.document::text, w.stock_left, w.created_at, w.updated_at",
    "join rewards w on w.shop_id = m.shop_id and w.reward_id = $3 and w.deleted_at is null",
    _UNMERGED,
)
_LOCK_REDEMPTION: Final = (
    _LOCKED
    % (
        _THERE.format("x"),
        f", {COLUMNS}",
        "join redemptions r on r.shop_id = m.shop_id and r.customer_id = m.customer_id and r.redemption_id = $2",
        _THERE.format("m"),
    )
    + ", r"
)
_REVISION: Final = len(MEMBER_COLUMNS)
_REST: Final = _REVISION + 1 + len(LOT_COLUMNS) + 1
_LOTS: Final = f"""
select {_LOT} from lots l where l.shop_id = $1 and l.customer_id = $2 and (l.remaining > 0 or l.held > 0)"""
_TAKEN: Final = """
select count(*) from redemptions
where shop_id = $1 and customer_id = $2 and reward_id = $3 and state in ('held', 'spent')"""
_POSTED: Final = f"""
with member as (
  update members m set {posting.MEMBER_SETS}, updated_at = $1
  from json_populate_record(null::member_write, $2::json) u
  where m.shop_id = $6 and m.customer_id = $8 and $2 is not null
), lot as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)})
  select * from json_populate_recordset(null::lot_write, $3::json)
  on conflict (shop_id, customer_id, lot_id) do update set {posting.LOT_SETS}
), line as (
  insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id, order_id, redemption_id,
    reason, actor, rule_ids, expires_at, created_at)
  select * from json_populate_recordset(null::entry_write, $4::json)
), event as (
  {outbox.adding("$5")}
), timer as (
  %s
)"""
_BEGUN: Final = f"""{_POSTED % timers.scheduling("$6::text", f"'{HOLD_TIMER}'", "$7::text", "$22::timestamptz")}
insert into redemptions (shop_id, redemption_id, customer_id, reward_id, order_id, state, asked, points, spent,
  returned, value, currency, code, takes, source, created_at, expires_at, resolved_at)
values ($6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
on conflict (shop_id, code) do nothing"""
_ENDED: Final = f"""{_POSTED % timers.cancelling("$6::text", f"'{HOLD_TIMER}'", "$7::text")}
update redemptions set order_id = $9, state = $10, points = $11, spent = $12, returned = $13, value = $14,
  resolved_at = $15
where shop_id = $6 and redemption_id = $7"""


_MEMBER_NAMES: Final = ("shop_id", "customer_id", *posting.MEMBER_NAMES)
_LOT_NAMES: Final = ("shop_id", "customer_id", *LOT_COLUMNS)
_LINE_NAMES: Final = tuple(
    """shop_id customer_id seq line kind debit credit points lot_id order_id redemption_id reason actor rule_ids
    expires_at created_at""".split()
)
_encoder: Final = msgspec.json.Encoder()


class Locked(NamedTuple):
    """A locked member with their open lots where they could be read at once, and the revision of the shop."""

    book: Book
    revision: int
    rest: tuple[Any, ...]


async def lock_member(tx: Connection, shop_id: str, customer_id: str) -> Locked | None:
    """Lock a member. None for unknown, merged and erased ones."""
    return _locked(await tx.fetch(_LOCK, shop_id, customer_id))


async def lock_for_reward(
    tx: Connection, shop_id: str, customer_id: str, reward_id: str
) -> tuple[Locked, Reward] | None:
    """Lock a member and read a reward, as it was when the lock was asked for. None also where there is no reward."""
    found = _locked(await tx.fetch(_LOCK_REWARD, shop_id, customer_id, reward_id))
    return None if found is None else (found, Reward.kept(*found.rest))


async def lock_redemption(tx: Connection, shop_id: str, redemption_id: str) -> tuple[Locked, Redemption] | None:
    """Lock a redemption's member and then the redemption. None also where there is no redemption."""
    found = _locked(await tx.fetch(_LOCK_REDEMPTION, shop_id, redemption_id))
    return None if found is None else (found, from_values(found.rest))


def _locked(rows: Sequence[asyncpg.Record]) -> Locked | None:
    if not rows:
        return None
    if rows[0]["merged_into"] is not None:
        raise merged_meanwhile()
    if rows[0]["erased_at"] is not None:
        return None
    book = Book(rows[0][:_REVISION])
    if rows[0]["fresh"]:
        for row in rows:
            if row["lot_id"] is not None:
                lot = LotRow.read(row[_REVISION + 1 : _REST - 1])
                book.lots[lot.lot_id] = lot
        book.all_open = True
    return Locked(book, rows[0][_REVISION], rows[0][_REST:])


async def read_lots(tx: Connection, book: Book) -> None:
    """Read the open lots of one locked member, those of open holds among them."""
    if not book.all_open:
        for row in await tx.fetch(_LOTS, book.shop_id, book.customer_id):
            if row["lot_id"] not in book.lots:
                book.lots[row["lot_id"]] = LotRow.read(row)
        book.all_open = True


async def taken(tx: Connection, book: Book, reward_id: str) -> int:
    """How often a locked member has taken a reward."""
    count: int = await tx.fetchval(_TAKEN, book.shop_id, book.customer_id, reward_id)
    return count


async def begin(tx: Connection, ledger: Ledger, notices: Notices, one: Redemption) -> bool:
    """Write a new hold with its timer and everything posted; False where its code is taken: then roll back."""
    status = await tx.execute(_BEGUN, *posted(ledger, notices), *values(one))
    return status == "INSERT 0 1"


async def end(tx: Connection, ledger: Ledger, notices: Notices, one: Redemption) -> None:
    """Write a redemption that is held no more, without its timer, and everything posted."""
    moved = (one.order_id, one.state, one.points, one.spent, one.returned, one.value, one.resolved_at)
    await tx.execute(_ENDED, *posted(ledger, notices), *one.key, one.customer_id, *moved)


def posted(ledger: Ledger, notices: Notices) -> tuple[datetime, str | None, str, str, str]:
    """When it is posted, and the member, lots, lines and events of it.

    JSON, because the driver spends more on an array of one composite than PostgreSQL on reading it.
    """
    member, lots, lines = written(ledger)
    return ledger.now, member, lots, lines, _encoder.encode(outbox.to_json(notices.take())).decode()


def written(ledger: Ledger) -> tuple[str | None, str, str]:
    """The rows of the one member of a ledger, which is empty afterwards: theirs, those of lots and of lines."""
    rows = posting.take(ledger)
    member = rows.members[0] if rows.members else None  # one at the till, or nothing of them changed
    return (
        None if member is None else _encoder.encode(dict(zip(_MEMBER_NAMES, member, strict=True))).decode(),
        _json(_LOT_NAMES, [*rows.lots, *rows.made]),
        _json(_LINE_NAMES, rows.lines),
    )


def _json(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    return _encoder.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()
