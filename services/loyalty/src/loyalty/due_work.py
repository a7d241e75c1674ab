"""The job that looks for members of whom something is due: points become spendable, run out, a tier's time ends."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from comeback_kit import background
from comeback_kit.failures import Kind, kind_of
from comeback_kit.runtime import Runtime
from loyalty import due
from loyalty.books import Key
from loyalty.state import cache_of, settings_of

logger = logging.getLogger(__name__)
_DUE: Final = """
select due_at, shop_id, customer_id from members
where due_at <= $1 and merged_into is null and (due_at, shop_id, customer_id) > ($2, $3, $4)
order by due_at, shop_id, customer_id limit $5"""
# So many ids at once, for many batches: the index has only the instants, and of all who are due at one instant (points
# of a year run out at one midnight) every look reads and sorts the rest. With the ids in it, too, it would be ten times
# as large, and a member's row whose instant moves would cost a fifth more log.
_PAGE: Final = 50_000
_START: Final = (datetime.min.replace(tzinfo=UTC), "", "")


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
    """One batch; all that is due where it fails in no passing way. Answers how many a batch took, 0 otherwise."""
    try:
        return await run_once(runtime, limit)
    except Exception as error:
        if kind_of(error) is Kind.TRANSIENT:
            raise
        logger.warning("members that are due fail as a batch; those of whom it can be done are looked for: %s", error)
    await _pass_through(runtime, limit)
    return 0


async def _pass_through(runtime: Runtime, limit: int) -> None:
    """So that nobody waits for points because others cannot be looked at, be they more than a batch takes."""
    now, after, found = runtime.clock(), _START, _PAGE
    while found == _PAGE:
        async with runtime.db.work() as tx:
            rows = [tuple(row) for row in await tx.fetch(_DUE, now, *after, _PAGE)]
        for first in range(0, len(rows), limit):
            await _look_at(runtime, [row[1:] for row in rows[first : first + limit]], now)
        after, found = rows[-1] if rows else after, len(rows)
    runtime.wake()


async def _look_at(runtime: Runtime, keys: Sequence[Key], now: datetime) -> None:
    """Together, or where that fails by halves: one who fails is found in a few looks, and the others stay together."""
    try:
        async with runtime.db.work() as tx:
            await due.look_at(tx, cache_of(runtime), now, keys)
    except Exception as error:
        if kind_of(error) is Kind.TRANSIENT:
            raise
        if len(keys) == 1:
            logger.exception("what is due of a member of shop %s cannot be done", keys[0][0])
            return
        half = len(keys) // 2
        await _look_at(runtime, keys[:half], now)
        await _look_at(runtime, keys[half:], now)


async def run_once(runtime: Runtime, limit: int) -> int:
    """One batch in one transaction; answers how many members it took."""
    async with runtime.db.work() as tx:
        found = await due.run(tx, cache_of(runtime), runtime.clock(), limit=limit)
    if found:
        runtime.wake()
    return found
