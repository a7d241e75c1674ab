"""Writes what a ledger gathered: members, lots and lines in one statement, set by set."""

from typing import Any, Final

from comeback_kit.db import Connection
from loyalty import granting
from loyalty.books import LOT_COLUMNS, Book
from loyalty.ledger import Ledger

_MEMBER_COLUMNS: Final = {
    "shop_id": "text",
    "customer_id": "text",
    "seq": "int",
    "balance": "bigint",
    "pending": "bigint",
    "held": "bigint",
    "shortfall": "bigint",
    "lifetime_earned": "bigint",
    "lifetime_spend": "bigint",
    "lifetime_orders": "int",
    "orders_fixed": "int",
    "tier_id": "text",
    "tier_since": "timestamptz",
    "tier_until": "timestamptz",
    "active_at": "timestamptz",
    "due_at": "timestamptz",
    "erased_at": "timestamptz",
}
_LOT_TYPES: Final = {
    "lot_id": "text",
    "order_id": "text",
    "program_version": "int",
    "active": "bool",
    "scored": "bool",
    "orders": "smallint",
    "warned": "smallint",
    "earned_at": "timestamptz",
    "available_at": "timestamptz",
    "expires_at": "timestamptz",
}
_LINE_COLUMNS: Final = {
    "shop_id": "text",
    "customer_id": "text",
    "seq": "int",
    "line": "smallint",
    "kind": "text",
    "debit": "text",
    "credit": "text",
    "points": "bigint",
    "lot_id": "text",
    "order_id": "text",
    "redemption_id": "text",
    "reason": "text",
    "actor": "text",
    "rule_ids": "text",
    "expires_at": "timestamptz",
}
_LOT_COLUMNS: Final = {"shop_id": "text", "customer_id": "text"} | {
    column: _LOT_TYPES.get(column, "bigint") for column in LOT_COLUMNS
}


def _unnest(columns: dict[str, str], first: int) -> str:
    arrays = ", ".join(f"${first + place}::{kind}[]" for place, kind in enumerate(columns.values()))
    return f"unnest({arrays}) u({', '.join(columns)})"


def _statement() -> str:
    lots_from = 2 + len(_MEMBER_COLUMNS)
    lines_from = lots_from + len(_LOT_COLUMNS)
    member_sets = ", ".join(f"{name} = u.{name}" for name in list(_MEMBER_COLUMNS)[2:])
    lot_sets = ", ".join(f"{name} = excluded.{name}" for name in list(_LOT_COLUMNS)[3:])
    return f"""
with written_members as (
  update members m set {member_sets}, updated_at = $1 from {_unnest(_MEMBER_COLUMNS, 2)}
  where m.shop_id = u.shop_id and m.customer_id = u.customer_id
), written_lots as (
  insert into lots ({", ".join(_LOT_COLUMNS)}) select * from {_unnest(_LOT_COLUMNS, lots_from)}
  on conflict (shop_id, customer_id, lot_id) do update set {lot_sets}
)
insert into entries ({", ".join(_LINE_COLUMNS)}, created_at)
select u.*, $1 from {_unnest(_LINE_COLUMNS, lines_from)}"""


_WRITE: Final = _statement()
_TIERS: Final = """
insert into tier_changes (shop_id, customer_id, at, tier_id)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])"""


async def flush(tx: Connection, ledger: Ledger) -> None:
    """Write the changed members, their changed lots, and the lines of the ledger, which is empty afterwards."""
    if ledger.grants:
        await granting.give(tx, ledger)
    if ledger.tier_moves:
        await tx.execute(_TIERS, *_columns(ledger.tier_moves, 4))
        ledger.tier_moves.clear()
    books = [book for _, book in sorted(ledger.books.items()) if book.changed]
    if not books and not ledger.lines:
        return
    members = [_member_row(book) for book in books]
    lots = [
        (book.shop_id, book.customer_id, *lot.values())
        for book in books
        for _, lot in sorted(book.lots.items())
        if lot.changed
    ]
    await tx.execute(
        _WRITE,
        ledger.now,
        *_columns(members, len(_MEMBER_COLUMNS)),
        *_columns(lots, len(_LOT_COLUMNS)),
        *_columns(ledger.lines, len(_LINE_COLUMNS)),
    )
    ledger.lines.clear()
    for book in books:
        book.changed = False
        for lot in book.lots.values():
            lot.changed = False


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _member_row(book: Book) -> tuple[Any, ...]:
    standing = book.standing
    return (
        book.shop_id,
        book.customer_id,
        book.seq,
        book.balance,
        book.pending,
        book.held,
        book.shortfall,
        book.lifetime_earned,
        book.lifetime_spend,
        book.lifetime_orders,
        book.orders_fixed,
        standing.level_id,
        standing.since,
        standing.until,
        book.active_at,
        book.due_at,
        book.erased_at,
    )
