"""The relay: one leader per shard reads the outbox in id order, appends to the log, and deletes what is acknowledged.

Rows of a key are written under that key's lock, so the order of their ids is the order of their commits. There is no
cursor that a slow transaction could be behind of: what is committed is read, what is acknowledged is deleted. A crash
in between publishes again, in the same order; readers take duplicates. What the log refuses for good (too large) is
set aside in ``outbox_refused``, so that it holds nothing up.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from prometheus_client import Counter, Gauge

from comeback_kit import leases
from comeback_kit.log.port import Entry, EntryTooLarge, LogUnavailable
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

PUBLISHED = Counter("comeback_outbox_published_total", "Events that the log acknowledged", ["service"])
REFUSED = Counter("comeback_outbox_refused_total", "Events set aside: the log refused them", ["service", "topic"])
OLDEST = Gauge("comeback_outbox_oldest_seconds", "Age of the oldest event that waits", ["service"])

SHARDS: Final = 4
"""Keys are spread over so many shards; each has one leading relay, so the events of a key leave in the order of ids."""

BATCH: Final = 1000
POLL_SECONDS: Final = 0.25
SHARE_SECONDS: Final = 1.0
FLOOR_TRAILS_SECONDS: Final = 90.0
FLOOR_NOTE_SECONDS: Final = 1.0
_MOST_BYTES: Final = 8 * 1024 * 1024
_BACK_OFF_FIRST: Final = 0.05
_BACK_OFF_MOST: Final = 5.0
_SPACE: Final = 501
_PASSING = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, LogUnavailable)

_READ: Final = """
select id, topic, key, value, headers, age from (
  select id, topic, key, value, headers, extract(epoch from clock_timestamp() - created_at)::float8 as age,
    sum(octet_length(value)) over (order by id) - octet_length(value) as before
  from (select * from outbox where id > $1 and shard = any($2::smallint[]) order by id limit $3) page
) sized
where before < $4 order by id"""
_DELETE: Final = "delete from outbox o using unnest($1::bigint[]) as done (id) where o.id = done.id"
_REFUSE: Final = """
with refused as (
  delete from outbox o using unnest($1::bigint[]) as r (id) where o.id = r.id
  returning o.id, o.topic, o.key, o.value, o.headers, o.created_at
)
insert into outbox_refused (id, topic, key, value, headers, created_at, reason)
select refused.*, $2 from refused"""
_TRANSACTIONS: Final = """
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_running,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction"""


class Relay:
    """Publishes the outbox of one service. Any number may run: they share the shards."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._floor = Floor()

    async def start(self) -> None:
        """Start the loop; also with the database or the log away."""
        self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-relay")

    async def stop(self, timeout: float = 2.0) -> None:
        """A last pass, then stop; at the latest after ``timeout`` seconds."""
        if self._task is None:
            return
        self._stopping.set()
        self._runtime.wake_relay()
        await asyncio.wait({self._task}, timeout=timeout)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = _BACK_OFF_FIRST
        while not self._stopping.is_set():
            try:
                await self._lead()
                pause = _BACK_OFF_FIRST
            except Exception as error:
                unforeseen = not isinstance(error, _PASSING)
                logger.warning("the outbox of %s waits: %s", self._runtime.name, error, exc_info=unforeseen)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                pause = min(_BACK_OFF_MOST, pause * 2)

    async def _lead(self) -> None:
        async with self._runtime.db.pool("worker").acquire() as connection:
            owned: set[int] = set()
            try:
                await leases.join(connection, _SPACE)
                await self._publish_while_leading(connection, owned)
                await leases.leave(connection, _SPACE, owned)
            except BaseException:
                # Locks belong to the session: without it they are free, whatever state it was in.
                connection.terminate()
                raise

    async def _publish_while_leading(self, connection: Any, owned: set[int]) -> None:
        shared_at = float("-inf")
        while True:
            last_pass = self._stopping.is_set()
            if time.monotonic() - shared_at > SHARE_SECONDS:
                await self._share(connection, owned)
                shared_at = time.monotonic()
            self._runtime.relay_wanted.clear()
            while await self._pass(connection, owned):
                if time.monotonic() - shared_at > SHARE_SECONDS and not last_pass:
                    break
            else:
                if last_pass:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._runtime.relay_wanted.wait()

    async def _share(self, connection: Any, owned: set[int]) -> None:
        wanted = await leases.fair_share(connection, _SPACE, range(SHARDS))
        await leases.release(connection, _SPACE, owned - wanted)
        owned &= wanted
        if gained := await leases.acquire(connection, _SPACE, wanted - owned):
            self._floor = Floor()  # the rows of another leader may lie lower
            owned |= gained

    async def _pass(self, connection: Any, owned: set[int]) -> bool:
        """Publish one page; whether there may be more."""
        if not owned:
            return False
        rows = await connection.fetch(_READ, self._floor.value, sorted(owned), BATCH, _MOST_BYTES)
        OLDEST.labels(self._runtime.name).set(rows[0]["age"] if rows else 0)
        if not rows:
            return False
        if self._floor.wants_note:
            self._floor.note(rows[0]["id"], **await connection.fetchrow(_TRANSACTIONS))
        refused = await self._append([Entry(row["topic"], row["key"], row["value"], row["headers"]) for row in rows])
        await connection.execute(_DELETE, [row["id"] for index, row in enumerate(rows) if index not in refused])
        for index in refused:
            await self._refuse(connection, rows[index])
        return True

    async def _append(self, entries: Sequence[Entry]) -> set[int]:
        """Append what the log takes; answer the places of what it refused."""
        refused: set[int] = set()
        while left := [index for index in range(len(entries)) if index not in refused]:
            try:
                await self._runtime.log.append([entries[index] for index in left])
            except EntryTooLarge as error:
                refused.update(left[index] for index in error.indexes)
            else:
                PUBLISHED.labels(self._runtime.name).inc(len(left))
                break
        return refused

    async def _refuse(self, connection: Any, row: Any) -> None:
        await connection.execute(_REFUSE, [row["id"]], f"too large for the log: {len(row['value'])} bytes")
        REFUSED.labels(self._runtime.name, row["topic"]).inc()
        logger.error("an event of %s is too large for the log; it is kept in outbox_refused", row["topic"])


class Floor:
    """An id below which nothing can appear any more; it only keeps the head of the index cheap to skip.

    While a backup holds an old snapshot, deleted rows stay in the index. What was the lowest row left is the floor when
    a minute and a half has passed and every transaction that ran at that moment has ended.
    """

    def __init__(self) -> None:
        self.value = 0
        self._noted: deque[tuple[float, int, int]] = deque()

    @property
    def wants_note(self) -> bool:
        """The last note is old enough for another."""
        return not self._noted or time.monotonic() - self._noted[-1][0] > FLOOR_NOTE_SECONDS

    def note(self, first_id: int, *, oldest_running: int, next_transaction: int) -> None:
        """``first_id`` was the lowest committed row a moment ago; the others are PostgreSQL's running transactions."""
        at = time.monotonic()
        while self._noted and at - self._noted[0][0] > FLOOR_TRAILS_SECONDS and self._noted[0][1] <= oldest_running:
            self.value = max(self.value, self._noted.popleft()[2] - 1)
        self._noted.append((at, next_transaction, first_id))
