"""What follows from changed orders, off the way of ingestion: dislikes, reminders, attribution.

A worker follows each shop's sequence with its own number, page by page, each page in one transaction.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from comeback_kit import background
from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime
from recommendations import attribution, dislikes, journal, order_store, replenishment
from recommendations.memory.shop import ShopMemory
from recommendations.service_state import state_of

logger = logging.getLogger(__name__)

NAME = "orders"
PAGE = 500
IDLE_SECONDS = 0.5
PRUNE_SECONDS = 3600.0

_BEHIND = """
    select c.shop_id, c.last_seq - coalesce(f.seq, 0) as behind
    from changes c left join followed f on f.shop_id = c.shop_id and f.name = $1
    where c.last_seq > coalesce(f.seq, 0)"""


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Follow all shops while the block runs."""
    async with background.running(_loop(runtime), "recommendations-followups"):
        yield


async def behind(runtime: Runtime) -> int:
    """How many changes have not been followed up yet."""
    async with runtime.db.work() as tx:
        return sum(row["behind"] for row in await tx.fetch(_BEHIND, NAME))


async def _loop(runtime: Runtime) -> None:
    bell = state_of(runtime).followups_wanted
    pruned = 0.0
    while True:
        bell.clear()
        try:
            if time.monotonic() - pruned > PRUNE_SECONDS and not await _prune(runtime):
                pruned = time.monotonic()
            if await follow_once(runtime):
                continue
        except Exception:
            logger.exception("following up orders failed; trying again")
            await asyncio.sleep(1.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await bell.wait()


async def _prune(runtime: Runtime) -> bool:
    """Some old answers between two pages of orders, which need not wait for all of them; whether there were any."""
    async with runtime.db.work() as tx:
        return await journal.prune(tx, runtime.clock())


async def follow_once(runtime: Runtime) -> bool:
    """One page of every shop that has changes; whether there were any."""
    async with runtime.db.work() as tx:
        shops = [row["shop_id"] for row in await tx.fetch(_BEHIND, NAME)]
    done = [await _follow_shop(runtime, shop_id) for shop_id in shops]
    return any(done)


async def _follow_shop(runtime: Runtime, shop_id: str) -> bool:
    memory = await state_of(runtime).shops.get(shop_id)
    await state_of(runtime).journal.flush()  # an order may come sooner than the answer that led to it is written
    async with runtime.db.work() as tx:
        seq = await _cursor(tx, shop_id)
        if seq is None:
            return False  # another process follows this shop right now
        last = await tx.fetchval("select last_seq from changes where shop_id = $1", shop_id)
        orders = await order_store.changed_since(tx, shop_id, seq, PAGE)
        if len(orders) == PAGE:
            last = max(row.seq or 0 for row in orders.values())
        if not await _in_memory(memory, last):
            return False
        if orders:
            await dislikes.from_refunds(tx, shop_id, orders)
            await replenishment.plan(tx, memory, orders, runtime.clock())
            await attribution.attribute(tx, shop_id, orders)
        await tx.execute("update followed set seq = $3 where shop_id = $1 and name = $2", shop_id, NAME, last)
    runtime.wake_timers()
    return True


async def _cursor(tx: Connection, shop_id: str) -> int | None:
    await tx.execute("insert into followed (shop_id, name) values ($1, $2) on conflict do nothing", shop_id, NAME)
    seq: int | None = await tx.fetchval(
        "select seq from followed where shop_id = $1 and name = $2 for update skip locked", shop_id, NAME
    )
    return seq


async def _in_memory(memory: ShopMemory, seq: int, patience: float = 5.0) -> bool:
    """Wait until memory has followed as far: what is planned is what the API answers."""
    deadline = asyncio.get_running_loop().time() + patience
    while memory.seq < seq:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
