"""Writes what a ledger gathered: members, lots and lines in one statement, set by set."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from comeback_kit.db import Connection
from loyalty import granting
from loyalty.books import Book
from loyalty.columns import LOT_COLUMNS, MEMBER_COLUMNS
from loyalty.ledger import Ledger

MEMBER_NAMES: Final = MEMBER_COLUMNS[2:-2]  # without the key, and what never changes once it is written
MEMBER_SETS: Final = ", ".join(f"{name} = u.{name}" for name in MEMBER_NAMES)
LOT_SETS: Final = ", ".join(f"{name} = excluded.{name}" for name in LOT_COLUMNS[1:])
_WRITE: Final = f"""
with written_members as (
  update members m set {MEMBER_SETS}, updated_at = $1 from unnest($2::member_write[]) u
  where m.shop_id = u.shop_id and m.customer_id = u.customer_id
), new_lots as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)}) select * from unnest($5::lot_write[])
), written_lots as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)}) select * from unnest($3::lot_write[])
  on conflict (shop_id, customer_id, lot_id) do update set {LOT_SETS}
)
insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id, order_id, redemption_id,
  reason, actor, rule_ids, expires_at, created_at)
select * from unnest($4::entry_write[])"""
_TIERS: Final = """
insert into tier_changes (shop_id, customer_id, at, tier_id)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])"""


class Rows(NamedTuple):
    """What a ledger wants written, as rows of the types ``member_write``, ``lot_write``, ``entry_write``.

    ``made`` are the lots that were never written: most of a batch's, and cheaper than those that may be there.
    """

    members: list[tuple[Any, ...]]
    lots: list[tuple[Any, ...]]
    lines: list[tuple[Any, ...]]
    made: list[tuple[Any, ...]]


async def flush(tx: Connection, ledger: Ledger) -> None:
    """Write the changed members, their changed lots, and the lines of the ledger, which is empty afterwards."""
    await write_sides(tx, ledger)
    await write(tx, take(ledger), ledger.now)


async def write(tx: Connection, rows: Rows, now: datetime) -> None:
    """Write what was taken of a ledger."""
    if rows.members or rows.lines:
        await tx.execute(_WRITE, now, *rows)


async def write_sides(tx: Connection, ledger: Ledger) -> None:
    """Write what follows from tiers, before the members themselves."""
    if ledger.grants:
        await granting.give(tx, ledger)
    if ledger.tier_moves:
        await tx.execute(_TIERS, *[list(column) for column in zip(*ledger.tier_moves, strict=True)])
        ledger.tier_moves.clear()


def take(ledger: Ledger) -> Rows:
    """The rows of what changed; the ledger is empty afterwards, the caller writes them."""
    books = [book for _, book in sorted(one for one in ledger.books.items() if one[1].changed)]
    lots: list[tuple[Any, ...]] = []
    made: list[tuple[Any, ...]] = []
    for book in books:
        book.changed = book.is_new = False
        for _, lot in sorted(book.lots.items()):
            if lot.changed:
                (made if lot.is_new else lots).append((book.shop_id, book.customer_id, *lot.values()))
                lot.changed = lot.is_new = False
    lines, ledger.lines = ledger.lines, []
    return Rows([_member_row(book) for book in books], lots, lines, made)


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
