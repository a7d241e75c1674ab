"""The answers that were given, written to the database behind the reads' back, many at a time."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from comeback_kit import background
from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

KEPT: Final = timedelta(days=60)
EVERY_SECONDS: Final = 0.25
MOST_WAITING: Final = 50_000  # with the database away, older ones are dropped: answers matter more than their record
_BATCH: Final = 1000
_PRUNED: Final = 500  # answers a transaction, so that none is long
_MOST_INTERACTIONS: Final = 1000  # more than one answer can have

# By the places of rows: joined with as many keys, PostgreSQL would rather read every interaction there is.
_PRUNE: Final = f"""
    with old as (
      select ctid as place, shop_id, rec_id from answers where at < $1 order by at limit $2
    ), gone as (
      delete from answers where ctid = any(array(select place from old)) returning 1
    ), theirs as (
      delete from interactions where ctid = any(array(
        select t.place from old cross join lateral (
          select i.ctid as place from interactions i where i.shop_id = old.shop_id and i.rec_id = old.rec_id
          limit {_MOST_INTERACTIONS}
        ) t
      ))
    )
    select count(*) from gone"""


class Given(msgspec.Struct, frozen=True):
    """One answer that was given."""

    shop_id: str
    rec_id: str
    kind: str
    placement_id: str | None
    experiment_id: str | None
    variant: str | None
    customer_id: str | None
    product_ids: list[str]
    sources: list[str]
    at: datetime


class Journal:
    """What this process has answered and not written yet."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: deque[Given] = deque(maxlen=MOST_WAITING)
        self._lock = asyncio.Lock()

    def add(self, given: Given) -> None:
        """Note an answer; costs the read nothing."""
        if given.product_ids:
            self._waiting.append(given)

    async def flush(self) -> None:
        """Write everything that waits."""
        async with self._lock:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                try:
                    async with self._runtime.db.work() as tx:
                        await _write(tx, batch)
                except BaseException:
                    self._waiting.extendleft(reversed(batch))
                    raise

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write every quarter of a second while the block runs, and once more at its end."""
        try:
            async with background.running(self._loop(), "recommendations-journal"):
                yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.flush()

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.flush()
            except Exception:
                logger.exception("%d answers could not be noted; trying again", len(self._waiting))
                await asyncio.sleep(2.0)


async def _write(tx: Connection, batch: list[Given]) -> None:
    await tx.execute(
        """insert into answers (shop_id, rec_id, kind, placement_id, experiment_id, variant, customer_id,
                                product_ids, sources, at)
           select w.shop_id, w.rec_id, w.kind, w.placement_id, w.experiment_id, w.variant, w.customer_id,
                  array(select jsonb_array_elements_text(w.items -> 'ids')),
                  array(select jsonb_array_elements_text(w.items -> 'sources')), w.at
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::jsonb[], $9::timestamptz[])
             as w(shop_id, rec_id, kind, placement_id, experiment_id, variant, customer_id, items, at)
           on conflict (shop_id, rec_id) do nothing""",
        [one.shop_id for one in batch],
        [one.rec_id for one in batch],
        [one.kind for one in batch],
        [one.placement_id for one in batch],
        [one.experiment_id for one in batch],
        [one.variant for one in batch],
        [one.customer_id for one in batch],
        [{"ids": one.product_ids, "sources": one.sources} for one in batch],
        [one.at for one in batch],
    )


async def prune(tx: Connection, now: datetime) -> bool:
    """Drop some of the answers that are older than 60 days, with what became of their items; whether there were any.

    What was put down to them stays.
    """
    return bool(await tx.fetchval(_PRUNE, now - KEPT, _PRUNED))
