"""The express till: hold and confirm in two statements without a lock, where nothing out of the ordinary is to be done.

What is computed is the same as at the till; only reading and writing differ. Whatever the two statements cannot do
(catch up with what is due, count stock, codes or limits, move a tier, make a member), whatever must be in the caller's
own transaction, and whatever somebody else was faster at, goes the long way, which locks.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from comeback_kit.db import Connection, ShopDoor
from loyalty import codes, due, express_rows, redemption, tiers
from loyalty.books import Book
from loyalty.desk import Desk
from loyalty.express_rows import Seen
from loyalty.ids import Ids
from loyalty.program_store import ShopCache
from loyalty.recent_holds import RecentHolds
from loyalty.redemption_rows import Redemption
from loyalty.rewards import Reward
from loyalty.shop import Shop


class Express:
    """Hold and confirm for one request; ``recent`` and ``cache`` are what the process keeps."""

    def __init__(self, door: ShopDoor, cache: ShopCache, recent: RecentHolds, now: datetime) -> None:
        self.door = door
        self.now = now
        self._cache = cache
        self._recent = recent
        self._shop = cache.get(door.shop_id) if door.is_alone else None

    async def hold_for_reward(
        self, customer_id: str, reward_id: str, *, life: timedelta, ids: Ids, create: bool = False
    ) -> Redemption:
        """``redemption.hold_for_reward``, the short way or the long one."""
        if self._shop is not None:
            one = await self._hold(self._shop, customer_id, reward_id, life=life, ids=ids)
            if one is not None:
                return one
        async with self.desk() as (tx, desk):
            return await redemption.hold_for_reward(tx, desk, customer_id, reward_id, life=life, ids=ids, create=create)

    async def confirm(self, redemption_id: str, points: int | None) -> Redemption:
        """``redemption.confirm``, the short way or the long one."""
        if self._shop is not None:
            one = await self._confirm_recent(self._shop, redemption_id, points)
            if one is None:
                one = await self._confirm(self._shop, redemption_id, points)
            if one is not None:
                return one
        async with self.desk() as (tx, desk):
            return await redemption.confirm(tx, desk, redemption_id, points)

    @contextlib.asynccontextmanager
    async def desk(self) -> AsyncIterator[tuple[Connection, Desk]]:
        """The long way: a transaction, with the desk in it."""
        async with self.door.transaction() as tx:
            yield tx, await Desk.expect(tx, self._cache, self.door.shop_id, self.now)

    async def _hold(
        self, shop: Shop, customer_id: str, reward_id: str, *, life: timedelta, ids: Ids
    ) -> Redemption | None:
        """The hold, or None where it is to go the long way; nothing is written then. Raises what refuses it (409)."""
        found = await express_rows.see_reward(self.door, shop, self.now, customer_id, reward_id)
        if found is None or not (_is_present(shop, found[0], self.now) and _is_plain(found[1])):
            return None
        (seen, reward), book = found, found[0].book
        desk = _desk(shop, self.now, book)
        redemption.check_open(shop, book, reward, self.now)
        redemption.check_price(book, reward)
        one = redemption.of_reward(book, reward, ids, self.now, life)
        one.code = codes.made(reward, ids)
        redemption.put_aside(desk, book, one)
        written = None if _moves_tier(desk, book) else await express_rows.begin(self.door, seen, desk.ledger, one)
        if written is None:
            return None
        self._recent.keep(written, one)
        return one

    async def _confirm_recent(self, shop: Shop, redemption_id: str, points: int | None) -> Redemption | None:
        """The confirm of a hold that need not be read, or None where it is to be read."""
        found = self._recent.take(shop.shop_id, redemption_id, self.now)
        if found is None or tiers.window_at(shop, self.now) is not None or found[1].is_over(self.now):
            return None
        return await self._spend(shop, *found, points)

    async def _confirm(self, shop: Shop, redemption_id: str, points: int | None) -> Redemption | None:
        """The confirm, or None as for ``_hold``."""
        found = await express_rows.see_redemption(self.door, shop, self.now, redemption_id)
        return None if found is None else await self._spend(shop, *found, points)

    async def _spend(self, shop: Shop, seen: Seen, one: Redemption, points: int | None) -> Redemption | None:
        if not _is_present(shop, seen, self.now) or not one.takes or points not in (None, one.points):
            return None
        desk = _desk(shop, self.now, seen.book)
        redemption.spend(desk, seen.book, one, points)
        if _moves_tier(desk, seen.book):
            return None
        return one if await express_rows.end(self.door, seen, desk.ledger, desk.notices, one) else None


def _is_present(shop: Shop, seen: Seen, now: datetime) -> bool:
    """Whether the kept program is the shop's present one, and nothing of the member waits to be done."""
    return seen.revision == shop.revision and not due.is_due({shop.shop_id: shop}, seen.book, now)


def _is_plain(reward: Reward) -> bool:
    """Whether a hold of it changes nothing but its member, and is recognized by the member's row."""
    body = reward.body
    return body.points > 0 and body.limit_per_member is None and reward.stock_left is None and not body.code_pool


def _desk(shop: Shop, now: datetime, book: Book) -> Desk:
    desk = Desk(shop, now)
    desk.ledger.enroll(book)
    return desk


def _moves_tier(desk: Desk, book: Book) -> bool:
    """Whether a look at the member's tier, as the long way takes it, changes it: then there is more to write."""
    before = book.standing
    if desk.shop.current.tiers.levels:
        tiers.look(desk.ledger, desk.shop, book, desk.now, desk.notices)
    return book.standing != before
