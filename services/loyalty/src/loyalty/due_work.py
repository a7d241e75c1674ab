"""The job that looks for members of whom something is due: points become spendable, run out, a tier's time ends."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from comeback_kit import background
from comeback_kit.failures import Kind, kind_of
from comeback_kit.runtime import Runtime
from loyalty import due
from loyalty.desk import Desk
from loyalty.state import cache_of, settings_of

logger = logging.getLogger(__name__)
_DUE: Final = """
select shop_id, customer_id from members where due_at <= $1 and merged_into is null order by due_at limit $2"""


@contextlib.asynccontextmanager
async def watching(runtime: Runtime) -> AsyncIterator[None]:
    """Look while the service runs; any number of replicas may (each takes other members)."""
    async with background.running(_watch(runtime), "loyalty-due"):
        yield


async def _watch(runtime: Runtime) -> None:
    settings = settings_of(runtime)
    while True:
        try:
            found = await step(runtime, settings.due_batch)
        except Exception as error:
            passing = kind_of(error) is Kind.TRANSIENT
            logger.warning("members that are due wait: %s", error, exc_info=None if passing else error)
            found = 0
        if found < settings.due_batch:
            await asyncio.sleep(settings.due_interval)


async def step(runtime: Runtime, limit: int) -> int:
    """One batch; one by one where it fails in no passing way. Answers how many members a batch took, 0 otherwise."""
    try:
        return await run_once(runtime, limit)
    except Exception as error:
        if kind_of(error) is Kind.TRANSIENT:
            raise
        logger.warning("members that are due fail as a batch and are looked at one by one: %s", error)
    await _one_by_one(runtime, limit)
    return 0


async def _one_by_one(runtime: Runtime, limit: int) -> None:
    """So that nobody waits for points because somebody else cannot be looked at."""
    now = runtime.clock()
    async with runtime.db.work() as tx:
        keys = [tuple(row) for row in await tx.fetch(_DUE, now, limit)]
    for shop_id, customer_id in keys:
        try:
            async with runtime.db.work() as tx:
                desk = await Desk.open(tx, cache_of(runtime), shop_id, now)
                await desk.members(tx, [customer_id], erased=True)  # which does what is due
                await desk.close(tx)
        except Exception as error:
            if kind_of(error) is Kind.TRANSIENT:
                raise
            logger.exception("what is due of a member of shop %s cannot be done", shop_id)
    runtime.wake()


async def run_once(runtime: Runtime, limit: int) -> int:
    """One batch in one transaction; answers how many members it took."""
    async with runtime.db.work() as tx:
        found = await due.run(tx, cache_of(runtime), runtime.clock(), limit=limit)
    if found:
        runtime.wake()
    return found
