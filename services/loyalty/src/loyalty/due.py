"""What happens to a member by itself: points become spendable, run out, are about to; a tier's time ends.

Every transaction that locks a member first catches up with what is due, so nobody can spend points that ran out while
the job was late. The job (``due_work``) does the same for members whom nobody touches. ``members.due_at`` is the next
such instant, or an earlier one; only due members are read.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from comeback_contracts.instants import format_instant
from comeback_kit.db import Connection
from loyalty import lot_care, members, posting, program_store, tiers
from loyalty.books import Book, Key, LotRow
from loyalty.expiry import warnings
from loyalty.ledger import Ledger
from loyalty.notices import Notices, transaction_id
from loyalty.program_store import ShopCache
from loyalty.shop import Shop

_DUE: Final = """
select shop_id, customer_id from members where due_at <= $1 and merged_into is null
order by due_at limit $2 for update skip locked"""
_ROUNDS: Final = 200  # looks at the tier of one member in one go; a monthly tier left alone for years has many


async def run(tx: Connection, cache: ShopCache, now: datetime, *, limit: int) -> int:
    """Catch up with at most ``limit`` due members; answers how many there were."""
    keys = [(row["shop_id"], row["customer_id"]) for row in await tx.fetch(_DUE, now, limit)]
    if keys:
        await look_at(tx, cache, now, keys)
    return len(keys)


async def look_at(tx: Connection, cache: ShopCache, now: datetime, keys: Sequence[Key]) -> None:
    """Catch up with these members, of whom something was due a moment ago."""
    shops = await program_store.load(tx, cache, {key[0] for key in keys})
    ledger, notices = Ledger(now), Notices(now)
    for book in (await members.lock(tx, keys, now, create=False)).values():
        ledger.enroll(book)
    await catch_up(tx, ledger, shops, notices)
    await posting.flush(tx, ledger)
    await notices.send(tx)


Looks = Mapping[Key, tuple[Book, datetime]]
"""Members whose tiers are looked at next, each with the instant of the look."""


async def catch_up(tx: Connection, ledger: Ledger, shops: dict[str, Shop], notices: Notices) -> None:
    """Do what is due of the ledger's members, in the order in which it became due; the caller flushes the ledger."""
    books = _waiting(ledger, shops, notices)
    if books:
        await members.read_lots(tx, books)
        for looks in _steps(ledger, shops, books, notices):
            await posting.write_posted(tx, ledger)
            await tiers.read_scores_at(tx, shops, looks)


def foresee(ledger: Ledger, shops: dict[str, Shop], notices: Notices) -> None:
    """The same in memory: what would be written stays in the ledger.

    Of the members all open lots must have been read, and where tiers count in a window all that count in one.
    """
    for looks in _steps(ledger, shops, _waiting(ledger, shops, notices), notices):
        tiers.count_scores(shops, looks)


def _waiting(ledger: Ledger, shops: dict[str, Shop], notices: Notices) -> list[Book]:
    """Those of whom something is due. Of somebody new only the first tier is, which they enter here."""
    books = []
    for book in ledger.books.values():
        if is_due(shops, book, ledger.now):
            if book.is_new:
                tiers.look(ledger, shops[book.shop_id], book, ledger.now, notices)
            else:
                books.append(book)
    return books


def _steps(
    ledger: Ledger, shops: dict[str, Shop], books: Sequence[Book], notices: Notices
) -> Generator[Looks, None, None]:
    """Do what is due of these members; whoever takes the steps sets what the tiers count of those that it yields.

    The first of the two ways to count is to write what was posted so far and to ask PostgreSQL, the second is to look
    at the lots in memory.
    """
    now = ledger.now
    looked = yield from _tiers_in_time(ledger, shops, books, notices)
    for book in books:
        _lots_until(ledger, shops[book.shop_id], book, now, notices)
        _warn(shops[book.shop_id], book, now, notices)
    if any(shops[book.shop_id].current.tiers.levels for book in books):
        others = {book.key: (book, now) for book in books if book.key not in looked}
        if others:
            yield others
        for book, _ in others.values():
            tiers.look(ledger, shops[book.shop_id], book, now, notices)
        yield {}  # whoever counts next counts entry points too
    for book in books:
        book.due_at, book.changed = next_due(shops[book.shop_id], book, now), True


def is_due(shops: dict[str, Shop], book: Book, now: datetime) -> bool:
    """Whether there is something to catch up with."""
    if book.due_at is not None and book.due_at <= now:
        return True
    return book.shop_id in shops and _is_to_start(shops[book.shop_id], book)


def _tiers_in_time(
    ledger: Ledger, shops: dict[str, Shop], books: Sequence[Book], notices: Notices
) -> Generator[Looks, None, set[Key]]:
    """Look at every member's tier whenever it could have moved, with what counted then; answers who is up to date.

    So a level is reached, kept and lost at the same instants whether the job is in time, late, or an order is first.
    """
    looked: set[Key] = set()
    for _ in range(_ROUNDS):
        moments = [(book, _tier_moment(shops[book.shop_id], book, ledger.now, looked)) for book in books]
        steps = {book.key: (book, at) for book, at in moments if at is not None and at <= ledger.now}
        if not steps:
            return looked
        for book, at in steps.values():
            _lots_until(ledger, shops[book.shop_id], book, at, notices)
        yield steps
        for book, at in steps.values():
            tiers.look(ledger, shops[book.shop_id], book, at, notices)
            standing = book.standing
            if standing.until is not None and standing.until <= at:  # the program has no such window any more
                book.standing = type(standing)(standing.level_id, standing.since, None)  # only a change moves it
            book.scored, book.balance_read, book.forgiven = False, book.balance, 0
        looked.update(steps)
    return set()


def _tier_moment(shop: Shop, book: Book, now: datetime, looked: set[Key]) -> datetime | None:
    """When the tier of a member may move next: its time ends, or what it counts changes by itself."""
    found = shop.current.tiers
    instants = [book.standing.until]
    if book.key not in looked:
        instants.append(_start(shop, book, now))
    if found.levels and found.basis in ("points", "balance"):
        for lot in book.lots.values():
            if lot.remaining > 0 and not lot.active:
                instants.append(lot.available_at)
            elif lot.remaining > 0 and (found.basis == "balance" or lot.shortfall):
                instants.append(lot.expires_at)
    return min((at for at in instants if at is not None), default=None)


def _start(shop: Shop, book: Book, now: datetime) -> datetime | None:
    """When somebody without a level was to enter the first one: as soon as they were there, and the program was.

    It follows from what is stored, so that they are on it since the same instant whenever one looks.
    """
    if not _is_to_start(shop, book):
        return None
    due_at = book.due_at if book.due_at is not None and book.due_at <= now else None
    instants = (book.created_at, book.forgotten_at, due_at, shop.since)
    return max(at for at in instants if at is not None)


def _is_to_start(shop: Shop, book: Book) -> bool:
    return book.standing.level_id is None and book.erased_at is None and tiers.starts(shop, book.balance)


def _lots_until(ledger: Ledger, shop: Shop, book: Book, at: datetime, notices: Notices) -> None:
    """Activate and expire, in order of time, everything up to an instant."""
    while True:
        ready = [
            lot
            for lot in book.lots.values()
            if not lot.active and lot.available_at is not None and lot.available_at <= at
        ]
        if not ready:
            break
        lot = min(ready, key=lambda one: (one.available_at or at, one.lot_id))
        lot_care.expire_passed(ledger, notices, shop, book, lot.available_at or at)
        lot_care.activate(ledger, notices, shop, book, lot, at=lot.available_at)
    lot_care.expire_passed(ledger, notices, shop, book, at)


def _warn(shop: Shop, book: Book, now: datetime, notices: Notices) -> None:
    """Tell once per warning day and expiry how many points are about to run out."""
    found: dict[tuple[datetime, int], int] = {}
    for lot in _running_out(book, now):
        assert lot.expires_at is not None  # noqa: S101  # _running_out gives no others
        program = shop.program(lot.program_version)
        passed = [one.days for one in warnings(program.expiry, lot.expires_at, program.zone) if one.at <= now]
        if passed and (lot.warned is None or passed[-1] < lot.warned):
            lot.warned, lot.changed, book.changed = passed[-1], True, True
            key = (lot.expires_at, passed[-1])
            found[key] = found.get(key, 0) + lot.remaining
    for (at, days), points in sorted(found.items()):
        expiry = format_instant(at)
        number = f"expiring-{days}-{transaction_id(book.customer_id, int(at.timestamp()))}"
        data = {
            "customer_id": book.customer_id,
            "points": points,
            "balance": book.balance,
            "transaction_id": number,
            "expires_at": expiry,
        }
        notices.tell("points.expiring", book.shop_id, book.customer_id, data, what=number)


def _running_out(book: Book, now: datetime) -> Iterable[LotRow]:
    return [
        lot
        for lot in book.lots.values()
        if lot.active and lot.remaining > 0 and lot.expires_at is not None and lot.expires_at > now
    ]


def next_due(shop: Shop, book: Book, now: datetime) -> datetime | None:
    """The next instant at which something of a member, all of whose open lots were read, happens by itself."""
    instants = [lot.available_at for lot in book.lots.values() if not lot.active and lot.remaining > 0]
    instants.append(book.standing.until)
    for lot in _running_out(book, now):
        assert lot.expires_at is not None  # noqa: S101
        program = shop.program(lot.program_version)
        ahead = [one.at for one in warnings(program.expiry, lot.expires_at, program.zone) if one.at > now]
        instants.append(ahead[0] if ahead else lot.expires_at)
    return min((at for at in instants if at is not None), default=None)
