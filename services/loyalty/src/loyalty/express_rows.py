"""The two statements of the express till: one reads a member without a lock, one compares and writes.

Each is a transaction of its own that sets its shop itself. All that is written depends on the update of the member's
row, which finds only the very version that was read: by its place (``ctid``) and who wrote it (``xmin``). So nothing is
written where somebody was faster. That stands for the lots too, because whoever changes a lot rewrites its member's
row in the same transaction (``posting``, ``merging``). A place is also the cheapest way to a row, and leaves the
planner no index to be wrong about while a table is small.
"""

import functools
import itertools
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

import asyncpg

from comeback_kit import outbox, timers
from comeback_kit.db import GATE, ShopDoor, scoped
from loyalty import posting, tier_counts, tiers
from loyalty.books import Book, LotRow
from loyalty.columns import LOT_COLUMNS, MEMBER_COLUMNS, WRITTEN_COLUMNS
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.redemption_rows import COLUMNS, Redemption, from_values, values
from loyalty.rewards import Reward
from loyalty.shop import Shop
from loyalty.till import HOLD_TIMER

_SEEN: Final = f"""
select {", ".join(f"m.{column}" for column in MEMBER_COLUMNS)}, {", ".join(f"l.{column}" for column in LOT_COLUMNS)},
  l.ctid, s.revision, m.ctid, m.xmin, %s, %s
from members m join shops s on s.shop_id = m.shop_id join %s
left join lots l on l.shop_id = m.shop_id and l.customer_id = m.customer_id and %s
where m.shop_id = scope.shop_id and m.merged_into is null and m.erased_at is null and %s"""
_SCORE: Final = f"""(select {tier_counts.SCORE % "$6::text"} from lots l
where l.shop_id = m.shop_id and l.customer_id = m.customer_id
  and {tier_counts.COUNTS_AT % "$6::text"} >= $4 and {tier_counts.COUNTS_AT % "$6::text"} < $5)"""


def _both(select: str, join: str, lots: str, where: str) -> tuple[str, str]:
    """A reading statement, and the same for a shop whose tiers count in a window."""
    return scoped(_SEEN % ("null", select, join, lots, where)), scoped(_SEEN % (_SCORE, select, join, lots, where))


_SEE_REWARD: Final = _both(
    "w.reward_id, w.document::text, w.stock_left, w.created_at, w.updated_at",
    "rewards w on w.shop_id = m.shop_id and w.reward_id = $3 and w.deleted_at is null",
    "(l.remaining > 0 or l.held > 0)",
    "m.customer_id = $2",
)
_SEE_REDEMPTION: Final = _both(
    f"""r.ctid, r.xmin, (select t.ctid from timers t
    where t.shop_id = scope.shop_id and t.kind = '{HOLD_TIMER}' and t.ref = $2), {COLUMNS}""",
    "redemptions r on r.shop_id = m.shop_id and r.customer_id = m.customer_id and r.redemption_id = $2",
    "l.held > 0",
    "$3::text is null",
)
_FIRST_LOT: Final = len(MEMBER_COLUMNS)
_PLACE: Final = _FIRST_LOT + len(LOT_COLUMNS)
_REST: Final = _PLACE + 5

_MOVES: Final = ("seq", "balance", "held", "active_at", "due_at")
"""What a hold and a confirm change of a member; more than that takes the long way."""
_SETS: Final = ", ".join(f"{name} = ${place}" for place, name in enumerate(_MOVES, 6))
# $1 to $15: shop, member, its version, now, the member's counts, and what the lines of one transaction have in common.
_POSTED: Final = f"""
with took (place, lot_id, remaining, held, line, points) as not materialized (values %s), member as (
  update members m set {_SETS}, updated_at = $5
  where {GATE} and m.shop_id is not distinct from $1 and m.customer_id = $2 and m.ctid = $3 and m.xmin = $4::xid
  returning m.shop_id, m.ctid as place, m.xmin as stamp
), lot as (
  update lots l set remaining = took.remaining, held = took.held from member, took
  where l.ctid = took.place and l.shop_id = member.shop_id and l.customer_id = $2 and l.lot_id = took.lot_id
  returning l.lot_id, l.ctid as place
), line as (
  insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id, order_id, redemption_id,
    created_at)
  select member.shop_id, $2, $6, took.line, $11, $12, $13, took.points, took.lot_id, $14, $15, $5 from member, took
)"""
# Were a lot or the redemption not as it was read, though its member is, this would divide by zero, which undoes all.
# A timer that is somewhere else by now is left: it finds nothing to do.
_ALL: Final = "select 1 / (((select count(*) from lot) + (select count(*) from redeemed)) / (1 + %s))"
_BEGUN: Final = f"""{_POSTED}, redeemed as (
  insert into redemptions (shop_id, redemption_id, customer_id, reward_id, order_id, state, asked, points, spent,
    returned, value, currency, code, takes, source, created_at, expires_at)
  select member.shop_id, $15, $2, $16, $17, $18, $19::bigint, $20::bigint, $21::bigint, $22::bigint, $23::bigint, $24,
    $25, $26::jsonb, $27, $28::timestamptz, $29 from member
  returning ctid as place
), timer as (
  {timers.setting("member.shop_id", f"'{HOLD_TIMER}'", "$15::text", "$29::timestamptz", source="member")}
)
{_ALL}, member.place, member.stamp, redeemed.place, timer.place, lot.lot_id, lot.place
from member, redeemed, timer, lot"""
_ENDED: Final = f"""{_POSTED}, redeemed as (
  update redemptions r set order_id = $14, state = $19, points = $20, spent = $21, returned = $22, value = $23,
    resolved_at = $24
  from member where r.ctid = $16 and r.xmin = $17::xid and r.shop_id = member.shop_id and r.redemption_id = $15
  returning 1
), event as (
  {outbox.adding_alike("$25", "$26", "$27", "$28", source="member")}
), timer as (
  {timers.cancelling("(select shop_id from member)", f"'{HOLD_TIMER}'", "$15::text", place="$18")}
)
{_ALL} from member"""
_TOOK: Final = ("tid", "text", "bigint", "bigint", "smallint", "bigint")
_moved: Final = itemgetter(*(MEMBER_COLUMNS.index(name) for name in _MOVES))
_stay: Final = itemgetter(*(place for place, name in enumerate(WRITTEN_COLUMNS) if name not in _MOVES))
_MOST: Final = 8
"""How many lots are written so. There is a statement for every number of them: for an array PostgreSQL would plan anew
each time, because it guesses better once it sees the array."""


@functools.cache
def _with_rows(statement: str, first: int, count: int) -> str:
    """A statement that takes so many lots, in parameters from the ``first`` on."""
    places = itertools.count(first)
    rows = ["(" + ", ".join(f"${next(places)}::{kind}" for kind in _TOOK) + ")" for _ in range(count)]
    return statement % (", ".join(rows), count)


class Seen(NamedTuple):
    """A member as they were when they were read; the book goes on from there."""

    book: Book
    row: tuple[Any, ...]
    version: tuple[Any, int]
    """Where the row was, and who wrote it: no other version of it has both."""
    places: dict[str, tuple[Any, datetime | None]]
    """Where each lot was, and when it was to expire."""
    revision: int
    rest: tuple[Any, ...]
    """What was read beside the member; of a redemption first where it was, who wrote it, and where its timer was."""


async def see_reward(
    door: ShopDoor, shop: Shop, now: datetime, customer_id: str, reward_id: str
) -> tuple[Seen, Reward] | None:
    """Read a member with their open lots, and a reward. None where there is no reward.

    None also for unknown, merged and erased members.
    """
    found = await _see(_SEE_REWARD, door, shop, now, customer_id, reward_id)
    if found is None:
        return None
    found.book.all_open = True
    return found, Reward.kept(*found.rest)


async def see_redemption(
    door: ShopDoor, shop: Shop, now: datetime, redemption_id: str
) -> tuple[Seen, Redemption] | None:
    """Read a redemption, and its member with the lots that holds have taken from. None as in ``see_reward``."""
    found = await _see(_SEE_REDEMPTION, door, shop, now, redemption_id, None)
    return None if found is None else (found, from_values(found.rest[3:]))


async def _see(
    statements: tuple[str, str], door: ShopDoor, shop: Shop, now: datetime, *which: str | None
) -> Seen | None:
    window = tiers.window_at(shop, now)
    if window is None:
        rows = await door.rows(statements[0], *which)
    else:
        rows = await door.rows(statements[1], *which, *window, shop.current.tiers.basis)
    if not rows:
        return None
    first = rows[0]
    row = first[:_FIRST_LOT]
    book = Book(row)
    places: dict[str, tuple[Any, datetime | None]] = {}
    for one in rows:
        if one[_FIRST_LOT] is not None:
            lot = LotRow.read(one[_FIRST_LOT:_PLACE])
            book.lots[lot.lot_id] = lot
            places[lot.lot_id] = one[_PLACE], lot.expires_at
    _, revision, place, stamp, score = first[_PLACE:_REST]
    book.score = score or 0
    return Seen(book, row, (place, stamp), places, revision, first[_REST:])


async def begin(door: ShopDoor, seen: Seen, ledger: Ledger, one: Redemption) -> Seen | None:
    """Write a new hold with its timer and what was posted, and answer it as ``see_redemption`` would see it.

    None, and nothing is written, where it cannot be written so.
    """
    posted = _posted(seen, ledger)
    if posted is None:
        return None
    shared, took = posted
    _, _, _, *rest, _ = values(one)
    statement = _with_rows(_BEGUN, 30, len(took) // len(_TOOK))
    try:
        rows = await door.rows(statement, *shared, *rest, *took)
    except (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError):  # the first once in 2^60: the code is taken
        return None
    if not rows:
        return None
    _, member, stamp, redeemed, timer, _, _ = rows[0]
    places = {lot_id: (place, seen.places[lot_id][1]) for *_, lot_id, place in rows}
    book = seen.book
    book.lots, book.all_open = {lot_id: book.lots[lot_id] for lot_id in places}, False
    book.balance_read = book.balance
    return seen._replace(version=(member, stamp), places=places, rest=(redeemed, stamp, timer))


async def end(door: ShopDoor, seen: Seen, ledger: Ledger, notices: Notices, one: Redemption) -> bool:
    """Write a redemption that is held no more, without its timer, and what was posted and told.

    False, and nothing is written, where it cannot be written so.
    """
    posted = _posted(seen, ledger)
    if posted is None:
        return False
    shared, took = posted
    version = seen.rest[:3]
    moved = (one.state, one.points, one.spent, one.returned, one.value, one.resolved_at)
    told = outbox.alike(notices.take())
    statement = _with_rows(_ENDED, 29, len(took) // len(_TOOK))
    try:
        return bool(await door.rows(statement, *shared, *version, *moved, *told, *took))
    except asyncpg.DivisionByZeroError:
        return False


def _posted(seen: Seen, ledger: Ledger) -> tuple[tuple[Any, ...], list[Any]] | None:
    """The parameters of ``_POSTED``: those of all lots, without the shop, and those of each.

    None where more changed than one transaction of as many lots as lines changes, or too many of them.
    """
    (member,), lots, lines, made, _ = posting.take(ledger)
    if made or len(lots) != len(lines) or not 0 < len(lots) <= _MOST or _stay(member) != _stay(seen.row):
        return None
    _, _, seq, _, kind, debit, credit, _, _, order_id, redemption_id, *_ = lines[0]
    took: list[Any] = []
    for _, _, line_seq, line, _, _, _, points, lot_id, *_ in lines:
        lot, (place, expires_at) = seen.book.lots[lot_id], seen.places[lot_id]
        if line_seq != seq or lot.expires_at != expires_at:
            return None
        took += (place, lot_id, lot.remaining, lot.held, line, points)
    moves = _moved(member)
    return (member[1], *seen.version, ledger.now, *moves, kind, debit, credit, order_id, redemption_id), took
