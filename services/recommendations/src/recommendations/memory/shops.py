"""All shops of this process: loaded when first asked, following ever after, let go when memory runs short."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable

from comeback_kit.errors import Unavailable
from comeback_kit.runtime import Runtime
from recommendations import feed
from recommendations.feed import Page
from recommendations.memory.shop import ShopMemory
from recommendations.settings import Settings

logger = logging.getLogger(__name__)

PAGE = 2000  # rows of one read while a shop is loaded
FOLLOWED = 500  # rows of one read after that; for more, PostgreSQL rather reads every order of a small shop
SLICE = 50  # changes applied before the loop may answer others
_EAGER = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)  # pauses after a wake-up, which comes shortly before the commit
_IN_USE_SECONDS = 30.0


class WarmingUp(Unavailable):
    code = "warming_up"
    title = "This shop is being loaded into memory"


class Shops:
    """The shops in memory. One task follows all that are loaded; loading a shop is following it from nothing."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._budget = settings.memory_mb * 1024 * 1024
        self._shops: dict[str, ShopMemory] = {}
        self._loads: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._found: int | None = None
        self._slots = asyncio.Semaphore(2)

    def wake(self) -> None:
        """Say that the running transaction may leave changes."""
        self._wanted.set()

    async def get(self, shop_id: str) -> ShopMemory:
        """The shop, loaded. Raises ``WarmingUp`` when that takes longer than a request should wait."""
        shop = self._shops.get(shop_id) or self._load(shop_id)
        shop.used_at = time.monotonic()
        if not shop.loaded.is_set():
            try:
                async with asyncio.timeout(self._settings.load_wait_seconds):
                    await shop.loaded.wait()
            except TimeoutError as error:
                raise WarmingUp(f"{shop.engine.orders.count} orders are in so far") from error
        return shop

    def rebuilding(self) -> str | None:
        """The progress while the shops found at the start are being loaded, else None."""
        waiting = [shop for shop in self._shops.values() if not shop.loaded.is_set()]
        if self._found is None:
            return "looking for shops"
        if not waiting or not self._found:
            self._found = 0  # a shop loaded later, when it is asked, makes nobody else wait
            return None
        orders = sum(shop.engine.orders.count for shop in self._shops.values())
        return f"{len(self._shops) - len(waiting)} of {self._found} shops, {orders} orders so far"

    async def behind(self) -> int:
        """How many changes are committed that the loaded shops have not taken yet."""
        async with self._runtime.db.work() as tx:
            return await feed.behind(tx, {shop.shop_id: shop.seq for shop in self._shops.values()})

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load what the database holds, and follow until the end."""
        follower = asyncio.create_task(self._follow_for_ever(), name="recommendations-follower")
        try:
            yield
        finally:
            tasks = [follower, *self._loads]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _load(self, shop_id: str) -> ShopMemory:
        shop = self._shops[shop_id] = ShopMemory(shop_id)
        task = asyncio.create_task(self._load_shop(shop), name=f"recommendations-load-{shop_id}")
        self._loads.add(task)
        task.add_done_callback(self._loads.discard)
        return shop

    async def _load_shop(self, shop: ShopMemory) -> None:
        async with self._slots:
            if not shop.used_at and self._nbytes() > self._budget:
                del self._shops[shop.shop_id]  # nobody has asked for it yet
                return
            while not shop.loaded.is_set():
                try:
                    await self._catch_up([shop], PAGE)
                except Exception:
                    logger.exception("loading shop %s failed; trying again", shop.shop_id)
                    await asyncio.sleep(1.0)
                else:
                    shop.loaded.set()
        logger.info("shop %s: %d orders in memory", shop.shop_id, shop.engine.orders.count)
        self._make_room()

    async def _follow_for_ever(self) -> None:
        pauses: list[float] = []
        while True:
            try:
                if self._found is None:
                    await self._find()
                ready = [shop for shop in self._shops.values() if shop.loaded.is_set()]
                changed = await self._catch_up(ready, FOLLOWED) if ready else False
            except Exception:
                logger.exception("following changes failed; trying again")
                await asyncio.sleep(1.0)
                continue
            if self._wanted.is_set() or changed:
                self._wanted.clear()
                pauses = list(_EAGER)
            pause = pauses.pop(0) if pauses else self._settings.follow_seconds
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()

    async def _find(self) -> None:
        """Start loading what the database holds, as far as the memory goes (the largest shops come first)."""
        async with self._runtime.db.work() as tx:
            found = await feed.shops(tx)
        for shop_id in found:
            if shop_id not in self._shops:
                self._load(shop_id)
        self._found = len(found)

    async def _catch_up(self, shops: Iterable[ShopMemory], rows: int) -> bool:
        """Take every change that is committed by now; whether there was any."""
        changed, left = False, {shop.shop_id: shop for shop in shops}
        while left:
            at = self._runtime.clock()
            async with self._runtime.db.work() as tx:
                pages = await feed.since(tx, {shop.shop_id: shop.seq for shop in left.values()}, rows)
            for shop_id, page in pages.items():
                await _apply(left[shop_id], page)
                changed = True
            for shop in left.values():
                if shop.shop_id not in pages or not pages[shop.shop_id].more:
                    shop.followed_at = at
            left = {shop_id: shop for shop_id, shop in left.items() if shop_id in pages and pages[shop_id].more}
        return changed

    def _make_room(self) -> None:
        """Let go of the shops that were asked longest ago, until the rest fits; a shop in use stays."""
        total = self._nbytes()
        for shop in sorted(self._shops.values(), key=lambda shop: shop.used_at):
            if total <= self._budget or time.monotonic() - shop.used_at < _IN_USE_SECONDS:
                break
            if shop.loaded.is_set():
                total -= shop.nbytes
                del self._shops[shop.shop_id]
                logger.info("shop %s let go to keep within %d MB", shop.shop_id, self._settings.memory_mb)

    def _nbytes(self) -> int:
        return sum(shop.nbytes for shop in self._shops.values())


async def _apply(shop: ShopMemory, page: Page) -> None:
    # Rows come in the order of their numbers, but rings take orders fastest by time; the result is the same.
    rows = sorted(page.rows, key=lambda row: row["at"] or 0.0)
    for start in range(0, len(rows), SLICE):
        for row in rows[start : start + SLICE]:
            shop.apply(row)
        await asyncio.sleep(0)
    shop.seq = page.upto
