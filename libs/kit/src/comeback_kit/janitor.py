"""Housekeeping of the kit's own tables: rows that nobody can ask for any more."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg

from comeback_kit import background, idempotency, inbox
from comeback_kit.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_SECONDS = 600
_CHUNK = 10_000


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Clean up every ten minutes while the block runs."""
    async with background.running(_loop(runtime), f"{runtime.name}-janitor"):
        yield


async def _loop(runtime: Runtime) -> None:
    while True:
        try:
            await clean(runtime)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("housekeeping failed and is tried again later: %s", error)
        await asyncio.sleep(EVERY_SECONDS)


async def clean(runtime: Runtime) -> None:
    """One round, in chunks, so that no transaction is long."""
    now = runtime.clock()
    for prune in (idempotency.prune, inbox.prune):
        removed = _CHUNK
        while removed == _CHUNK:
            async with runtime.db.work() as tx:
                removed = await prune(tx, now, _CHUNK)
