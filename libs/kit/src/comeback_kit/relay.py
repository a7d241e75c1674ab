"""The relay: one leader per shard reads the outbox in id order, appends to the log, and deletes what is acknowledged.

Rows of a key are written under that key's lock, so the order of their ids is the order of their commits. There is no
cursor that a slow transaction could be behind of: what is committed is read, what is acknowledged is deleted. A crash
in between publishes again, in the same order; readers take duplicates. The ``floor`` only keeps the head of the index
cheap while an old snapshot holds deleted rows; it trails by a minute and a half and by every transaction that ran when
it was noted, so nothing can appear below it.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Any

import asyncpg
from prometheus_client import Counter, Gauge

from comeback_kit import leases
from comeback_kit.log.port import Entry, EntryTooLarge, LogUnavailable
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

PUBLISHED = Counter("comeback_outbox_published_total", "Events that the log acknowledged", ["service"])
REFUSED = Counter("comeback_outbox_refused_total", "Events too large for the log, dropped", ["service", "topic"])
OLDEST = Gauge("comeback_outbox_oldest_seconds", "Age of the oldest event that waits", ["service"])

BATCH = 1000
POLL_SECONDS = 0.25
SHARE_SECONDS = 1.0
FLOOR_TRAILS_SECONDS = 90.0
_SPACE = 501
_ALL_SHARDS = tuple(range(4))

_READ = """
select id, topic, key, value, headers, extract(epoch from clock_timestamp() - created_at)::float8 as age,
  pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_running,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction
from outbox where id > $1 and shard = any($2::smallint[]) order by id limit $3"""
_DELETE = "delete from outbox o using unnest($1::bigint[]) as done (id) where o.id = done.id"


class Relay:
    """Publishes the outbox of one service. Any number may run: each shard has one leader."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._floor = _Floor()

    async def start(self) -> None:
        """Start the loop; also with the database or the log away."""
        self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-relay")

    async def stop(self, timeout: float = 2.0) -> None:
        """A last pass, then stop; at the latest after ``timeout`` seconds."""
        if self._task is None:
            return
        self._stopping.set()
        self._runtime.wake_relay()
        done, _ = await asyncio.wait({self._task}, timeout=timeout)
        if not done:
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        pause = 0.05
        while not self._stopping.is_set():
            try:
                await self._lead()
                pause = 0.05
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, LogUnavailable) as error:
                logger.warning("the outbox of %s waits: %s", self._runtime.name, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(5.0, pause * 2)

    async def _lead(self) -> None:
        async with self._runtime.db.pool("worker").acquire() as connection:
            owned: set[int] = set()
            await leases.join(connection, _SPACE)
            try:
                await self._publish_while_leading(connection, owned)
            finally:
                if not connection.is_closed():
                    await leases.leave(connection, _SPACE, owned)

    async def _publish_while_leading(self, connection: Any, owned: set[int]) -> None:
        shared_at = float("-inf")
        while True:
            last_pass = self._stopping.is_set()
            if time.monotonic() - shared_at > SHARE_SECONDS:
                await self._share(connection, owned)
                shared_at = time.monotonic()
            self._runtime.relay_wanted.clear()
            while await self._pass(connection, owned) == BATCH:
                pass
            if last_pass:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._runtime.relay_wanted.wait(), POLL_SECONDS)

    async def _share(self, connection: Any, owned: set[int]) -> None:
        wanted = await leases.fair_share(connection, _SPACE, _ALL_SHARDS)
        surplus = owned - wanted
        await leases.release(connection, _SPACE, surplus)
        owned -= surplus
        gained = await leases.acquire(connection, _SPACE, wanted - owned)
        if gained:
            self._floor = _Floor()  # the rows of another leader may lie lower
        owned |= gained

    async def _pass(self, connection: Any, owned: set[int]) -> int:
        if not owned:
            return 0
        rows = await connection.fetch(_READ, self._floor.value(), sorted(owned), BATCH)
        OLDEST.labels(self._runtime.name).set(rows[0]["age"] if rows else 0)
        if not rows:
            return 0
        await self._append([Entry(row["topic"], row["key"], row["value"], row["headers"]) for row in rows])
        await connection.execute(_DELETE, [row["id"] for row in rows])
        self._floor.note(rows[0]["id"], rows[0]["oldest_running"], rows[0]["next_transaction"])
        return len(rows)

    async def _append(self, entries: list[Entry]) -> None:
        try:
            await self._runtime.log.append(entries)
        except EntryTooLarge as error:
            refused = set(error.indexes)
            for index in refused:
                REFUSED.labels(self._runtime.name, entries[index].topic).inc()
                logger.error("an event of %s is too large for the log and is dropped", entries[index].topic)  # noqa: TRY400
            entries = [entry for index, entry in enumerate(entries) if index not in refused]
            await self._runtime.log.append(entries)
        PUBLISHED.labels(self._runtime.name).inc(len(entries))


class _Floor:
    """An id below which nothing can appear any more: what was the lowest row left, long enough ago."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int, int]] = deque()
        self._value = 0

    def note(self, first_id: int, oldest_running: int, next_transaction: int) -> None:
        """``first_id`` is the lowest committed row now; the others are PostgreSQL's view of running transactions."""
        at = time.monotonic()
        while self._noted and at - self._noted[0][0] > FLOOR_TRAILS_SECONDS and self._noted[0][1] <= oldest_running:
            self._value = max(self._value, self._noted.popleft()[2] - 1)
        if not self._noted or at - self._noted[-1][0] > 1.0:
            self._noted.append((at, next_transaction, first_id))

    def value(self) -> int:
        """Read from above this id."""
        return self._value
