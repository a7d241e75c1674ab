"""Writes what a ledger gathered: members, lots and lines in one statement, set by set."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from comeback_kit.db import Connection
from loyalty import granting, rewards
from loyalty.accounts import Account, Kind
from loyalty.books import Book, First, LotRow
from loyalty.columns import LOT_COLUMNS, MEMBER_COLUMNS, WRITTEN_COLUMNS
from loyalty.ledger import Ledger
from loyalty.lines import joined, line_row
from loyalty.memo import Memo
from loyalty.rewards import RewardKey

MEMBER_NAMES: Final = WRITTEN_COLUMNS[2:]
MEMBER_SETS: Final = ", ".join(f"{name} = u.{name}" for name in MEMBER_NAMES)
LOT_SETS: Final = ", ".join(f"{name} = excluded.{name}" for name in LOT_COLUMNS[1:])
_ENTRIES: Final = """insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id,
  order_id, redemption_id, reason, actor, rule_ids, expires_at, created_at)"""
# What an order's first points are in both tables: the driver sends 13 fields instead of 35.
_EARNED_LOTS: Final = """select shop_id, customer_id, 'order:' || order_id, order_id, program_version,
  points, 0, 0, points, 0, 0, active, true, spend, orders, null, earned_at, available_at, expires_at from given"""
_EARNED_LINES: Final = """select shop_id, customer_id, seq, 0, case when active then 'earned' else 'pending_added' end,
  'issued', case when active then 'available' else 'pending' end, points, 'order:' || order_id, order_id,
  null, null, null, rule_ids, expires_at, $1 from given"""
_WRITE: Final = f"""
with written_members as (
  update members m set {MEMBER_SETS}, updated_at = $1 from unnest($2::member_write[]) u
  where m.shop_id = u.shop_id and m.customer_id = u.customer_id
), new_lots as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)}) select * from unnest($5::lot_write[])
), written_lots as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)}) select * from unnest($3::lot_write[])
  on conflict (shop_id, customer_id, lot_id) do update set {LOT_SETS}
), given as (
  select * from unnest($6::earned_write[])
), earned_lots as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)}) {_EARNED_LOTS}
), earned_lines as (
  {_ENTRIES} {_EARNED_LINES}
)
{_ENTRIES} select * from unnest($4::entry_write[])"""
_TIERS: Final = """
insert into tier_changes (shop_id, customer_id, at, tier_id)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])"""


class Rows(NamedTuple):
    """What a ledger wants written, as rows of the types ``member_write``, ``lot_write``, ``entry_write``.

    ``made`` are lots that were never written, cheaper than those that may be there; ``earned`` (``earned_write``) are
    those of orders together with the line that filled them, which is most of a batch.
    """

    members: list[tuple[Any, ...]]
    lots: list[tuple[Any, ...]]
    lines: list[tuple[Any, ...]]
    made: list[tuple[Any, ...]]
    earned: list[tuple[Any, ...]]


async def flush(
    tx: Connection, ledger: Ledger, back: Sequence[RewardKey] = (), taken: Sequence[RewardKey] = ()
) -> None:
    """``write_sides``, and what was posted: the ledger is empty afterwards, and so the work of a transaction ends."""
    await write_sides(tx, ledger, back, taken)
    await write_posted(tx, ledger)


async def write_posted(tx: Connection, ledger: Ledger) -> None:
    """Write the changed members, their changed lots, and the lines of the ledger; what tiers give waits for its end."""
    await write(tx, take(ledger, together=True), ledger.now)


async def write(tx: Connection, rows: Rows, now: datetime) -> None:
    """Write what was taken of a ledger."""
    if rows.members or rows.lines:
        await tx.execute(_WRITE, now, *rows)


async def write_sides(
    tx: Connection, ledger: Ledger, back: Sequence[RewardKey] = (), taken: Sequence[RewardKey] = ()
) -> None:
    """Write what follows from tiers, before the members themselves, and the stock of rewards that come back or go.

    Once in a transaction, after all its looks at tiers: whoever needs several rewards locks them at once and in order.
    """
    if ledger.grants and (back or taken):
        await rewards.lock(tx, [*back, *taken], granting.wanted(ledger))
    await rewards.put_stock(tx, back, taken)
    if ledger.grants:
        await granting.give(tx, ledger)
    if ledger.tier_moves:
        await tx.execute(_TIERS, *[list(column) for column in zip(*ledger.tier_moves, strict=True)])
        ledger.tier_moves.clear()


def pass_on(ledger: Ledger, sides: Ledger) -> None:
    """Leave what follows from tiers to the last ledger of a transaction that has several."""
    sides.grants += ledger.grants
    sides.tier_moves += ledger.tier_moves
    ledger.grants, ledger.tier_moves = [], []


def take(ledger: Ledger, *, together: bool = False) -> Rows:
    """The rows of what changed; the ledger is empty afterwards, the caller writes them.

    Without ``together`` nothing is in ``earned``.
    """
    books = [book for _, book in sorted(one for one in ledger.books.items() if one[1].changed)]
    lines, ledger.lines = ledger.lines, []
    rows = Rows([_member_row(book) for book in books], [], lines, [], [])
    for book in books:
        book.changed = book.is_new = False
        lots = [lot for lot in book.lots.values() if lot.changed]
        if len(lots) > 1:
            lots.sort(key=_lot_id)
        for lot in lots:
            _take_lot(rows, book, lot, together=together, now=ledger.now)
    return rows


def _take_lot(rows: Rows, book: Book, lot: LotRow, *, together: bool, now: datetime) -> None:
    first = lot.first
    if first is not None and together and _is_as_it_began(lot, first):
        rows.earned.append(_earned_row(book, lot, first))
    else:
        if first is not None:
            rows.lines.append(_first_line(book, lot, first, now))
        (rows.made if lot.is_new else rows.lots).append((book.shop_id, book.customer_id, *lot.values()))
    lot.changed = lot.is_new = False
    lot.first = None


def _is_as_it_began(lot: LotRow, first: First) -> bool:
    """Whether nothing has happened to the points of a new lot since."""
    return (
        lot.earned == first.points == lot.remaining
        and not (lot.clawed or lot.shortfall or lot.held or lot.expired)
        and lot.active is first.active
        and lot.warned is None
        and lot.expires_at is first.expires_at
    )


def _earned_row(book: Book, lot: LotRow, first: First) -> tuple[Any, ...]:
    return (
        book.shop_id,
        book.customer_id,
        lot.order_id,
        first.seq,
        first.points,
        lot.program_version,
        lot.active,
        lot.spend,
        lot.orders,
        lot.earned_at,
        lot.available_at,
        lot.expires_at,
        joined(first.rule_ids),
    )


def _first_line(book: Book, lot: LotRow, first: First, now: datetime) -> tuple[Any, ...]:
    memo = Memo(order_id=lot.order_id, rule_ids=first.rule_ids, expires_at=first.expires_at)
    into: Account = "available" if first.active else "pending"
    kind: Kind = "earned" if first.active else "pending_added"
    return line_row(book, first.seq, 0, kind, "issued", into, first.points, lot, memo, now)


_lot_id: Final = attrgetter("lot_id")
_member_row: Final[Callable[[Book], tuple[Any, ...]]] = attrgetter(
    *MEMBER_COLUMNS[:11],
    "standing.level_id",
    "standing.since",
    "standing.until",
    "active_at",
    "due_at",
    "erased_at",
)
