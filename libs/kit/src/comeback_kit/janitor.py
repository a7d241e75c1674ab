"""Housekeeping: rows that nobody can ask for any more, of the kit's own tables and of the service's."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeAlias

import asyncpg

from comeback_kit import background, idempotency, inbox
from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_SECONDS = 600
_CHUNK = 10_000

Prune: TypeAlias = Callable[[Connection, Runtime, int], Awaitable[int]]
"""Drops rows and answers how many it dropped, or has looked at; as many as it may (the number): it is asked again."""


@contextlib.asynccontextmanager
async def running(runtime: Runtime, prunes: Sequence[Prune] = ()) -> AsyncIterator[None]:
    """Clean up every ten minutes while the block runs."""
    async with background.running(_loop(runtime, prunes), f"{runtime.name}-janitor"):
        yield


async def _loop(runtime: Runtime, prunes: Sequence[Prune]) -> None:
    while True:
        try:
            await clean(runtime, prunes)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("housekeeping failed and is tried again later: %s", error)
        await asyncio.sleep(EVERY_SECONDS)


async def clean(runtime: Runtime, prunes: Sequence[Prune] = ()) -> None:
    """One round, in chunks, so that no transaction is long."""
    for prune in (_answers, _claims, *prunes):
        done = _CHUNK
        while done == _CHUNK:
            async with runtime.db.work() as tx:
                done = await prune(tx, runtime, _CHUNK)


async def _answers(tx: Connection, runtime: Runtime, most: int) -> int:
    return await idempotency.prune(tx, runtime.clock(), most)


async def _claims(tx: Connection, runtime: Runtime, most: int) -> int:
    return await inbox.prune(tx, runtime.clock(), most)
