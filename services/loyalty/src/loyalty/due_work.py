"""The job that looks for members of whom something is due: points become spendable, run out, a tier's time ends."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg

from comeback_kit import background
from comeback_kit.runtime import Runtime
from loyalty import due
from loyalty.state import cache_of, settings_of

logger = logging.getLogger(__name__)
_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@contextlib.asynccontextmanager
async def watching(runtime: Runtime) -> AsyncIterator[None]:
    """Look while the service runs; any number of replicas may (each takes other members)."""
    async with background.running(_watch(runtime), "loyalty-due"):
        yield


async def _watch(runtime: Runtime) -> None:
    settings = settings_of(runtime)
    while True:
        try:
            found = await run_once(runtime, settings.due_batch)
        except _AWAY:
            logger.warning("the database is away; members that are due wait", exc_info=True)
            found = 0
        if found < settings.due_batch:
            await asyncio.sleep(settings.due_interval)


async def run_once(runtime: Runtime, limit: int) -> int:
    """One batch in one transaction; answers how many members it took."""
    async with runtime.db.work() as tx:
        found = await due.run(tx, cache_of(runtime), runtime.clock(), limit=limit)
    if found:
        runtime.wake()
    return found
