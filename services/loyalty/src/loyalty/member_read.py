"""A member as the next transaction of theirs will find them: one statement without a lock, and the rest in memory.

While nothing is due the statement itself adds up what the answer needs of the lots. Else it answers the lots, what is
due is done with them, and the sums come from there.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg

from comeback_kit.db import Connection, ShopReader, scoped
from loyalty import due_trial, tiers
from loyalty.books import Book, LotRow
from loyalty.columns import CURRENT, LOT_COLUMNS, MEMBER_COLUMNS
from loyalty.due_trial import Foreseen
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.members import PointsAt
from loyalty.shop import Shop
from loyalty.tier_counts import COUNTS_AT, SCORE

# As ``due.is_due`` has it; $3 is now, $4 the balance from which on somebody without a level enters the first one.
_DUE: Final = """(coalesce(m.due_at <= $3, false)
  or coalesce(m.tier_id is null and m.erased_at is null and m.balance >= $4, false))"""
# No look at a tier is earlier than what is due, and no window is longer than a year; whoever has no level is looked at
# as of when they were to have the first one.
_COUNTS: Final = """$5::timestamptz is not null
  and (m.tier_id is null or greatest(l.earned_at, l.available_at) >= m.due_at - interval '13 months')"""
_LOTS_OF: Final = "l.shop_id = m.shop_id and l.customer_id = m.customer_id"
# ``offset 0`` keeps the conditions on the member in front of the reading of lots.
_SEEN: Final = f"""
select {", ".join(f"m.{column}" for column in MEMBER_COLUMNS)}, shop.revision, m.ctid as place, m.xmin as stamp,
  {_DUE} as is_due, e.expires_at as next_end, e.expiring, a.available_at as next_start, a.activating, s.score,
  {", ".join(f"l.{column}" for column in LOT_COLUMNS)}%s
from shops shop
left join members asked on asked.shop_id = shop.shop_id and asked.customer_id = $2
left join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
left join lateral (
  select l.expires_at, sum(l.remaining)::bigint as expiring from lots l
  where m.due_at > $3 and {_LOTS_OF} and l.active and l.remaining > 0 and l.expires_at > $3
  group by l.expires_at order by l.expires_at limit 1) e on true
left join lateral (
  select l.available_at, sum(l.remaining)::bigint as activating from lots l
  where m.pending > 0 and not {_DUE} and {_LOTS_OF}
    and not l.active and l.remaining > 0 and l.available_at is not null
  group by l.available_at order by l.available_at limit 1) a on true
left join lateral (
  select {SCORE % "$7::text"} as score from lots l
  where $7::text is not null and not {_DUE} and {_LOTS_OF}
    and {COUNTS_AT % "$7::text"} >= $5 and {COUNTS_AT % "$7::text"} < $6) s on true
left join lateral (
  select l.* from lots l
  where {_DUE} and {_LOTS_OF} and (l.remaining > 0 or l.held > 0 or {_COUNTS}) offset 0) l on true
%s
where shop.shop_id = scope.shop_id"""
_BOOK: Final = len(MEMBER_COLUMNS)
_LOT: Final = _BOOK + 9
_REST: Final = _LOT + len(LOT_COLUMNS)


class Question(NamedTuple):
    """What is read beside the member."""

    statement: str
    arguments: Callable[[Shop, datetime], tuple[Any, ...]]
    """The parameters of it from ``$8`` on."""


def question(select: str, join: str, arguments: Callable[[Shop, datetime], tuple[Any, ...]]) -> Question:
    """A question for columns more; they may come from the member ``m``, or from what is joined."""
    return Question(scoped(_SEEN % (select, join)), arguments)


_MEMBER: Final = question("", "", lambda _shop, _now: ())


class Seen:
    """A shop and one of its customers, with what is due done in memory; ``book`` None where nothing is known of them.

    ``foreseen`` is what that would write; None where nothing was due.
    """

    __slots__ = ("book", "foreseen", "next_activation", "next_expiration", "rest", "shop", "version")

    def __init__(self, shop: Shop, rows: Sequence[asyncpg.Record], now: datetime) -> None:
        first = rows[0]
        self.shop = shop
        self.book: Book | None = None
        self.foreseen: Foreseen | None = None
        self.next_expiration = _points_at(first["next_end"], first["expiring"])
        self.next_activation = _points_at(first["next_start"], first["activating"])
        self.version = first["place"], first["stamp"]
        self.rest: tuple[Any, ...] = first[_REST:]
        if first["customer_id"] is None:
            return
        book = self.book = Book(first[:_BOOK])
        book.score = first["score"] or 0
        if first["is_due"]:
            book.lots = {row["lot_id"]: LotRow.read(row[_LOT:_REST]) for row in rows if row["lot_id"] is not None}
            self.foreseen = due_trial.foresee(shop, book, now)
            self._sum_up(book, now)

    def _sum_up(self, book: Book, now: datetime) -> None:
        lots = [lot for lot in book.lots.values() if lot.remaining > 0]
        ends = ((lot.expires_at, lot.remaining) for lot in lots if lot.active)
        self.next_expiration = _first((at, points) for at, points in ends if at is not None and at > now)
        starts = ((lot.available_at, lot.remaining) for lot in lots if not lot.active)
        self.next_activation = _first((at, points) for at, points in starts if at is not None)


async def see(reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime, asked: Question = _MEMBER) -> Seen:
    """Read a customer in one round trip where the shop is known here. Raises ``ProgramUnknown`` (404)."""
    shop = cache.get(reader.shop_id)
    if shop is not None:
        rows = await reader.rows(asked.statement, *_arguments(shop, customer_id, now, asked))
        if rows and rows[0]["revision"] == shop.revision:
            return Seen(shop, rows, now)
    async with reader.transaction() as tx:
        return await see_in(tx, await load_one(tx, cache, reader.shop_id), customer_id, now, asked)


async def see_in(tx: Connection, shop: Shop, customer_id: str, now: datetime, asked: Question = _MEMBER) -> Seen:
    """The same in a transaction that has read the shop."""
    arguments = _arguments(shop, customer_id, now, asked)
    return Seen(shop, await tx.fetch(asked.statement, shop.shop_id, *arguments), now)


def _arguments(shop: Shop, customer_id: str, now: datetime, asked: Question) -> tuple[Any, ...]:
    window = tiers.window_at(shop, now)
    counted = (None, None, None) if window is None else (*window, shop.current.tiers.basis)
    return (customer_id, now, tiers.starts_from(shop), *counted, *asked.arguments(shop, now))


def _first(found: Iterable[tuple[datetime, int]]) -> PointsAt | None:
    """The earliest of these instants, with all points of it."""
    points: dict[datetime, int] = {}
    for at, more in found:
        points[at] = points.get(at, 0) + more
    first = min(points, default=None)
    return None if first is None else PointsAt(points=points[first], at=first)


def _points_at(at: datetime | None, points: int | None) -> PointsAt | None:
    return None if points is None or at is None else PointsAt(points=points, at=at)
