"""Housekeeping of the kit's own tables: rows that nobody can ask for any more."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg

from comeback_kit import idempotency
from comeback_kit.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_SECONDS = 600
INBOX_KEPT = timedelta(days=40)  # longer than any topic's retention: what is pruned cannot come again
_CHUNK = 10_000


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Clean up every ten minutes while the block runs."""
    task = asyncio.create_task(_loop(runtime), name=f"{runtime.name}-janitor")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
    async with runtime.db.work() as tx:
        await idempotency.prune(tx, now)
    removed = _CHUNK
    while removed == _CHUNK:
        async with runtime.db.work() as tx:
            tag = await tx.execute(
                """delete from inbox where ctid = any(array(select ctid from inbox where seen_at < $1 limit $2))""",
                now - INBOX_KEPT,
                _CHUNK,
            )
        removed = int(tag.split()[-1])
