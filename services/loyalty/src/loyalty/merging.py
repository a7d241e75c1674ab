"""Two ids are one person: lots, history and tier go to the member that stays, once, whatever comes again or late."""

from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from loyalty import erasing, lot_care, members, merged_lots, posting, profiles, tiers, uncounted
from loyalty.books import Book, Key
from loyalty.desk import Desk
from loyalty.ledger import Ledger
from loyalty.lots import allocate
from loyalty.memo import Memo
from loyalty.program_store import ShopCache, load
from loyalty.shop import Shop
from loyalty.standings import Standing

_MOVE: Final = (
    "update lots set customer_id = $3 where shop_id = $1 and customer_id = $2",
    "update redemptions set customer_id = $3 where shop_id = $1 and customer_id = $2",
    """insert into usage as c (shop_id, customer_id, key, times, points)
    select shop_id, $3, key, times, points from usage where shop_id = $1 and customer_id = $2
    on conflict (shop_id, customer_id, key) do update
    set times = c.times + excluded.times, points = c.points + excluded.points""",
    "delete from usage where shop_id = $1 and customer_id = $2 and $3::text is not null",
    "update members set merged_into = $3 where shop_id = $1 and (customer_id = $2 or merged_into = $2)",
)
_EMPTY: Final = """
update members set balance = 0, pending = 0, held = 0, shortfall = 0, lifetime_earned = 0, lifetime_spend = 0,
  lifetime_orders = 0, orders_fixed = 0, tier_id = null, tier_since = null, tier_until = null, due_at = null,
  updated_at = $3
where shop_id = $1 and customer_id = $2"""

_FORGOTTEN: Final = """
update members set forgotten_at = greatest(forgotten_at, $3) where shop_id = $1 and customer_id = $2"""
# Whether there is anything of a member but what everybody is given for being there, by a first level. Who took a free
# reward has no lot, nor has who owes what staff took of them.
_HEARD_OF: Final = """
select exists (select from profiles where shop_id = $1 and customer_id = $2)
  or exists (select from lots where shop_id = $1 and customer_id = $2 and lot_id not like 'tier:%')
  or exists (select from redemptions where shop_id = $1 and customer_id = $2 and source <> 'tier')
  or exists (select from entries where shop_id = $1 and customer_id = $2 and lot_id is null)"""
_REVIVE: Final = "update members set erased_at = null where shop_id = $1 and customer_id = $2"


async def merge(
    tx: Connection,
    cache: ShopCache,
    shop_id: str,
    source: str,
    target: str,
    *,
    at: datetime,
    sides: Ledger,
    erased: set[Key],
) -> None:
    """Join ``source`` to ``target``. Merging again, or the other way round, finds that both are one already.

    ``at`` is when they became one, however late that is told. Entries stay as they were posted; whoever reads a member
    reads the entries of all its ids. What follows from tiers is left to the ledger ``sides``, and what follows
    for those who are ``erased`` to the caller (``erasing.erase``).
    """
    now = sides.now
    shops = await load(tx, cache, [shop_id])
    desk = Desk(shops[shop_id], now) if shop_id in shops else None
    keys = [(shop_id, source), (shop_id, target)]
    await members.make(tx, keys, now)
    if desk is None:  # before the shop is known nobody has points: only names and profiles are joined
        found = await members.lock(tx, keys, now, create=False)
        if found[keys[0]] is not found[keys[1]]:
            await _forget(tx, None, found[keys[0]], found[keys[1]], at, erased)
            await _move(tx, found[keys[0]], found[keys[1]], at, now)
        return
    books = await desk.members(tx, [source, target], erased=True)
    gone, stays = books[source], books[target]
    if gone is stays:
        await desk.note(tx)  # what was due of them was done
        posting.pass_on(desk.ledger, sides)
        return
    await _forget(tx, desk.shop, gone, stays, at, erased)
    shared = await merged_lots.make_alike(tx, desk, gone, stays)
    await desk.note(tx)
    await _move(tx, gone, stays, at, now)
    before = stays.standing.level_id
    _add_up(gone, stays, desk)
    _tell_tiers(desk, gone, stays, before)
    desk.ledger.books.pop(gone.key)
    stays.all_open = False
    stays.lots.clear()
    await merged_lots.look_after(tx, desk, stays, shared)
    if stays.active_at is not None:  # what either did last keeps the points of both
        lot_care.slide(desk.shop, stays, stays.active_at)
    _fill_deficit(desk, stays)
    await desk.note(tx)
    posting.pass_on(desk.ledger, sides)
    # What either is given in this transaction is of the one that stays.
    sides.grants = [one._replace(book=stays) if one.book.key == gone.key else one for one in sides.grants]


async def _forget(tx: Connection, shop: Shop | None, gone: Book, stays: Book, at: datetime, erased: set[Key]) -> None:
    """Who was one with somebody when they were erased is forgotten with them, though it is told only now.

    So is an id of which nothing was ever heard, whichever of both stays: nobody has come back by a merge alone.
    """
    if stays.erased_at is not None and gone.erased_at is None:
        if at <= stays.erased_at or not await tx.fetchval(_HEARD_OF, *gone.key):
            await _erase_too(tx, shop, gone, stays.erased_at, erased)
    elif gone.erased_at is not None and stays.erased_at is None and not await tx.fetchval(_HEARD_OF, *stays.key):
        await _erase_too(tx, shop, stays, gone.erased_at, erased)


async def _erase_too(tx: Connection, shop: Shop | None, book: Book, at: datetime, erased: set[Key]) -> None:
    names = [book.customer_id, *await members.lock_names(tx, book)]
    found = await uncounted.find(tx, [(book.shop_id, name) for name in names])
    await erasing.erase(tx, book.shop_id, book.customer_id, at=at, shop=shop, uncounted=found, erased=erased)
    book.erased_at = at


async def _move(tx: Connection, gone: Book, stays: Book, at: datetime, now: datetime) -> None:
    if stays.erased_at is not None and gone.erased_at is None and at > stays.erased_at:
        # Somebody who was erased has come back, or nobody would see what the other one has.
        await tx.execute(_REVIVE, *stays.key)
        stays.erased_at = None
    if gone.forgotten_at is not None:
        await tx.execute(_FORGOTTEN, *stays.key, gone.forgotten_at)
    await members.lock_names(tx, gone)
    await merged_lots.join(tx, gone, stays)
    for statement in _MOVE:
        await tx.execute(statement, gone.shop_id, gone.customer_id, stays.customer_id)
    await profiles.join(tx, gone.shop_id, gone.customer_id, stays.customer_id)
    await tx.execute(_EMPTY, gone.shop_id, gone.customer_id, now)


def _add_up(gone: Book, stays: Book, desk: Desk) -> None:
    stays.balance += gone.balance
    stays.pending += gone.pending
    stays.held += gone.held
    stays.shortfall += gone.shortfall
    stays.lifetime_earned += gone.lifetime_earned
    stays.lifetime_spend += gone.lifetime_spend
    stays.lifetime_orders += gone.lifetime_orders
    stays.orders_fixed += gone.orders_fixed
    stays.standing = _higher(desk, gone.standing, stays.standing)
    if gone.active_at is not None and (stays.active_at is None or gone.active_at > stays.active_at):
        stays.active_at = gone.active_at
    stays.due_by(gone.due_at)
    stays.due_by(stays.standing.until)
    stays.changed = True


def _higher(desk: Desk, one: Standing, other: Standing) -> Standing:
    """The tier of a merged member: the higher of both; of equal ones the one that holds longer."""
    places = {level.id: place for place, level in enumerate(desk.shop.current.tiers.levels)}
    first, second = places.get(one.level_id or "", -1), places.get(other.level_id or "", -1)
    if first != second:
        return one if first > second else other
    if one.until is None or other.until is None:
        return one if one.until is None and first >= 0 else other
    return one if one.until > other.until else other


def _tell_tiers(desk: Desk, gone: Book, stays: Book, before: str | None) -> None:
    """The history of both: ``gone`` has no tier from now on, also where it had none, for this line dates the merge.

    The others hear of the member that stays; that ``gone`` is no member they know of the merge itself.
    """
    desk.ledger.tier_moves.append((*gone.key, desk.now, None))
    if stays.standing.level_id != before:
        desk.ledger.tier_moves.append((*stays.key, desk.now, stays.standing.level_id))
        tiers.tell(desk.shop, stays, before, "merged", desk.now, desk.notices)


def _fill_deficit(desk: Desk, book: Book) -> None:
    """One id was below 0 and the other had points: the points fill the gap. The balance is the same."""
    open_points = sum(lot.remaining for lot in book.spendable(desk.now))
    gap = open_points - max(0, book.balance)
    if gap > 0:
        takes, _ = allocate(book.spendable(desk.now), gap)
        desk.ledger.fill(book, takes, Memo(reason="merged"))
