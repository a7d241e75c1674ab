"""Tiers of members: what the basis counts now, and what a look at it changes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from comeback_contracts.instants import format_instant
from comeback_kit.db import Connection
from loyalty import tier_counts
from loyalty.books import Book, Key, LotRow
from loyalty.expiry import expires_at, first_look
from loyalty.ledger import Ledger
from loyalty.memo import Grant, Memo
from loyalty.notices import Notices, transaction_id
from loyalty.program.tiers import Level
from loyalty.room import room_to_earn
from loyalty.rules.compiled import CompiledProgram
from loyalty.shop import Shop
from loyalty.standings import Review
from loyalty.tier_counts import COUNTS_AT, SCORE, moment_of
from loyalty.tiers_rules import counts_in, first_level, review, window_of

_INSTANT: Final = timedelta(microseconds=1)
_LEAST: Final = -(2**63)
_SCORES: Final = f"""
select l.shop_id, l.customer_id, {SCORE % "u.basis"} as score
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[])
  u(shop_id, customer_id, since, before, basis)
join lots l using (shop_id, customer_id)
where {COUNTS_AT % "u.basis"} >= u.since and {COUNTS_AT % "u.basis"} < u.before
group by l.shop_id, l.customer_id"""


async def read_scores(tx: Connection, shops: dict[str, Shop], books: Iterable[Book], at: datetime) -> None:
    """Set what the members' tiers count in the window at ``at``; one statement, none where no window needs it."""
    if any(_is_windowed(shop) for shop in shops.values()):
        await read_scores_at(tx, shops, {book.key: (book, at) for book in books})


async def read_scores_at(tx: Connection, shops: dict[str, Shop], books: Mapping[Key, tuple[Book, datetime]]) -> None:
    """The same with an instant per member."""
    rows = []
    for key, (book, at) in books.items():
        shop = shops.get(book.shop_id)
        if shop is None or book.is_new:
            continue
        window = window_at(shop, at)
        if window is None:
            continue
        rows.append((*key, *window, shop.current.tiers.basis))
        book.score = 0
    if not rows:
        return
    for row in await tx.fetch(_SCORES, *[list(column) for column in zip(*rows, strict=True)]):
        books[row["shop_id"], row["customer_id"]][0].score = row["score"]


def count_scores(shops: dict[str, Shop], books: Mapping[Key, tuple[Book, datetime]]) -> None:
    """The same from lots in memory: all that count must have been read."""
    for book, at in books.values():
        shop = shops[book.shop_id]
        window = window_at(shop, at)
        if window is not None:
            basis = shop.current.tiers.basis
            lots = [lot for lot in book.lots.values() if window[0] <= moment_of(basis, lot) < window[1]]
            book.score = sum(tier_counts.value_of(basis, lot) for lot in lots)


def window_at(shop: Shop, at: datetime) -> tuple[datetime, datetime] | None:
    """The instants from which on and before which lots count for the shop's tiers; None where none need be read."""
    program = shop.current
    start, end = window_of(program.tiers, at, program.zone) if _is_windowed(shop) else (None, None)
    if start is None or end is None:
        return None
    shift = timedelta(0) if program.tiers.window in ("calendar_year", "month") else _INSTANT
    return start + shift, end + shift


def _is_windowed(shop: Shop) -> bool:
    tiers = shop.current.tiers
    return bool(tiers.levels) and tiers.basis != "balance" and tiers.window != "ever"


def starts(shop: Shop, balance: int) -> bool:
    """Whether somebody without a level is to enter the first one, which asks for nothing."""
    least = starts_from(shop)
    return least is not None and balance >= least


def starts_from(shop: Shop) -> int | None:
    """The balance from which on somebody without a level is to enter the first one; None where nobody is."""
    tiers = shop.current.tiers
    if first_level(tiers) is None:
        return None
    return 0 if tiers.basis == "balance" else _LEAST


def level_id_of(program: CompiledProgram, book: Book | None) -> str | None:
    """A member's level for an answer, before anything of theirs was posted too."""
    if book is not None and book.standing.level_id is not None:
        return book.standing.level_id
    first = first_level(program.tiers)
    overdrawn = book is not None and program.tiers.basis == "balance" and book.balance < 0
    return None if first is None or overdrawn else first.id


def value_of(shop: Shop, book: Book) -> int:
    """What the basis of the shop's tiers is for a member; windows need ``read_scores`` first."""
    tiers = shop.current.tiers
    if tiers.basis == "balance":
        return book.balance
    if tiers.window != "ever":
        return book.score
    if tiers.basis == "points":
        return book.lifetime_earned - book.shortfall
    return book.lifetime_spend if tiers.basis == "spend" else book.lifetime_orders


def count(shop: Shop, book: Book, lot: LotRow, now: datetime, *, points: int, spend: int, orders: int) -> None:
    """Add changes of a lot to what the present window counts."""
    program = shop.current
    tiers = program.tiers
    if not tiers.levels:
        return
    change = _change(tiers.basis, points if lot.active else 0, spend, orders)
    if change and counts_in(tiers, moment_of(tiers.basis, lot), now, program.zone):
        book.score += change
        book.scored = True


def _change(basis: str, points: int, spend: int, orders: int) -> int:
    if basis == "points":
        return points
    if basis == "spend":
        return spend
    return orders if basis == "orders" else 0


def look(
    ledger: Ledger, shop: Shop, book: Book, at: datetime, notices: Notices, *, other_program: bool = False
) -> None:
    """Review a member after something changed, or at the end of their level's time, and post what follows."""
    program = shop.current
    if not program.tiers.levels and book.standing.level_id is None:
        return
    found = review(program.tiers, book.standing, value_of(shop, book), at, program.zone)
    if (
        found.standing is book.standing
        or found.standing == book.standing
        or (_only_looked_at(shop, book, found, at) and not other_program)
    ):
        return
    before = book.standing.level_id
    book.standing, book.changed = found.standing, True
    book.due_by(found.standing.until)
    if found.standing.level_id != before:
        ledger.tier_moves.append((*book.key, at, found.standing.level_id))
        tell(shop, book, before, found.change, at, notices)
    entered = _entered(shop, book, found)
    for level in entered:
        ledger.grants += [Grant(book, reward_id, level.id) for reward_id in level.entry.reward_ids]
    given = [level for level in entered if level.entry.points]
    for level in given:
        _enter(ledger, shop, book, level, at, notices)
    if given:
        look(ledger, shop, book, at, notices)  # entry points count too; a level above is reached at most once


def _entered(shop: Shop, book: Book, found: Review) -> Sequence[Level]:
    """The levels whose entry rewards are due: not those that come back because an order owes less than it did.

    Whoever lost a level by a refund had its rewards, and the order's points ran out unused: nothing was earned.
    """
    if not book.forgiven or shop.current.tiers.basis != "points":
        return found.entered
    earned = value_of(shop, book) - book.forgiven
    return [level for level in found.entered if level.threshold <= earned]


def _only_looked_at(shop: Shop, book: Book, found: Review, at: datetime) -> bool:
    """Whether a level would be kept for longer though nothing that counts for it happened, nor its time is over."""
    ends = book.standing.until
    if found.change != "none" or ends is None or at >= ends:
        return False
    return book.balance == book.balance_read if shop.current.tiers.basis == "balance" else not book.scored


def tell(shop: Shop, book: Book, before: str | None, reason: str, at: datetime, notices: Notices) -> None:
    """``tier.changed``: the member has the level of their standing, and no longer the one before."""
    level_id, until = book.standing.level_id, book.standing.until
    names = shop.current.level_names
    moment = format_instant(at)
    data = {
        "customer_id": book.customer_id,
        "from": before,
        "to": level_id,
        "to_name": None if level_id is None else names.get(level_id),
        "at": moment,
        "until": None if until is None else format_instant(until),
        "reason": reason,
    }
    # A level may be reached again at one instant, in this transaction also where nothing was posted in between.
    what = notices.numbered(book.shop_id, f"{book.customer_id}:{level_id}:{moment}:{book.seq}")
    notices.tell("tier.changed", book.shop_id, book.customer_id, data, what=what)


def _enter(ledger: Ledger, shop: Shop, book: Book, level: Level, at: datetime, notices: Notices) -> None:
    """Post the entry points of a level that was reached; levels passed on the way are entered too."""
    points = min(level.entry.points, room_to_earn(book))
    if not points:
        return
    program = shop.current
    ends = expires_at(program.expiry, at, program.zone)
    lot = LotRow.new(
        f"tier:{level.id}:{transaction_id(book.customer_id, book.seq + 1)}",
        program_version=shop.newest,
        earned_at=at,
        available_at=at,
        expires_at=ends,
        now=ledger.now,
    )
    book.lots[lot.lot_id] = lot
    if ends is not None:
        book.due_by(first_look(program.expiry, ends))
    seq = ledger.earn(book, lot, points, Memo(reason=f"tier_reached:{level.id}", expires_at=ends))
    count(shop, book, lot, at, points=points, spend=0, orders=0)
    notices.points("earned", book, points, seq, reason=f"tier_reached:{level.id}")
