"""Durable timers: something is to happen to (shop, kind, ref) at an instant, whatever restarts in between."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
from prometheus_client import Counter

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.failures import Kind, kind_of
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

FAILED = Counter("comeback_timers_failed_total", "Timers whose handler failed; tried again later", ["service", "kind"])

BATCH: Final = 500
POLL_SECONDS: Final = 1.0
BACK_OFF_MOST: Final = timedelta(hours=1)

_SCHEDULE = """
insert into timers (shop_id, kind, ref, due_at, payload)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
on conflict (shop_id, kind, ref) do update set due_at = excluded.due_at, payload = excluded.payload, attempts = 0"""
_CLAIM = """
select shop_id, kind, ref, due_at, payload, attempts from timers
where kind = $1 and due_at <= $2 order by due_at, shop_id, ref limit $3 for update skip locked"""
_DELETE = """
delete from timers t using unnest($1::text[], $2::text[], $3::text[]) as d (shop_id, kind, ref)
where t.shop_id = d.shop_id and t.kind = d.kind and t.ref = d.ref"""
_DELAY = """
update timers set attempts = attempts + 1, due_at = $4 where shop_id = $1 and kind = $2 and ref = $3"""


class Timer(msgspec.Struct, frozen=True):
    """One timer. (shop, kind, ref) is unique: scheduling it again moves it and replaces the payload."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any] = {}


class DueTimer(msgspec.Struct, frozen=True):
    """A timer whose instant has come; already deleted in the handler's transaction. ``attempts``: earlier failures."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int


TimerHandler: TypeAlias = Callable[[Connection, Sequence[DueTimer], Context], Awaitable[None]]


async def schedule(tx: Connection, timers: Sequence[Timer]) -> None:
    """Set timers, effective when the transaction commits. Of two with the same key the last one stands."""
    unique = {(timer.shop_id, timer.kind, timer.ref): timer for timer in timers}
    rows = [unique[key] for key in sorted(unique)]
    if rows:
        await tx.execute(
            _SCHEDULE,
            [row.shop_id for row in rows],
            [row.kind for row in rows],
            [row.ref for row in rows],
            [row.due_at for row in rows],
            [row.payload for row in rows],
        )


async def cancel(tx: Connection, shop_id: str, kind: str, refs: Sequence[str]) -> None:
    """Remove timers; those that are not there are ignored."""
    if refs:
        await tx.execute(_DELETE, [shop_id] * len(refs), [kind] * len(refs), sorted(refs))


async def due(runtime: Runtime, kinds: Sequence[str]) -> int:
    """How many timers of these kinds are due and not done; those that failed and wait for another try do not count."""
    if not kinds:
        return 0
    async with runtime.db.work() as tx:
        return int(
            await tx.fetchval(
                "select count(*) from timers join unnest($1::text[]) as wanted (kind) using (kind) where due_at <= $2",
                list(kinds),
                runtime.clock(),
            )
        )


class TimerRunner:
    """Runs due timers, batch by batch; any number of replicas may run."""

    def __init__(self, runtime: Runtime, handlers: Mapping[str, TimerHandler]) -> None:
        self._runtime = runtime
        self._handlers = dict(handlers)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Start the loop; also with the database away."""
        if self._handlers:
            self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-timers")

    async def stop(self, timeout: float = 2.0) -> None:
        """Let the running batch end, then stop; at the latest after ``timeout`` seconds."""
        if self._task is None:
            return
        self._stopping.set()
        self._runtime.wake_timers()
        done, _ = await asyncio.wait({self._task}, timeout=timeout)
        if not done:
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        pause = POLL_SECONDS
        while not self._stopping.is_set():
            self._runtime.timers_wanted.clear()
            try:
                pause = await self._round()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                logger.warning("the timers of %s wait: %s", self._runtime.name, error)
                pause = POLL_SECONDS
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._runtime.timers_wanted.wait(), pause)

    async def _round(self) -> float:
        for kind, handler in self._handlers.items():
            while not self._stopping.is_set() and await self._batch(kind, handler, BATCH) == BATCH:
                pass
        async with self._runtime.db.work() as tx:
            soonest = await tx.fetchval(
                "select min(due_at) from timers join unnest($1::text[]) as wanted (kind) using (kind)",
                list(self._handlers),
            )
        if soonest is None:
            return POLL_SECONDS
        seconds: float = (soonest - self._runtime.clock()).total_seconds()
        return min(POLL_SECONDS, max(0.01, seconds))

    async def _batch(self, kind: str, handler: TimerHandler, most: int) -> int:
        """Run up to ``most`` due timers in one transaction; a batch that fails is run again one by one."""
        now = self._runtime.clock()
        taken: list[DueTimer] = []
        try:
            async with self._runtime.db.work() as tx:
                taken = [DueTimer(**row) for row in await tx.fetch(_CLAIM, kind, now, most)]
                if taken:
                    await tx.execute(_DELETE, *_keys(taken))
                    await handler(tx, taken, Context(now=now, runtime=self._runtime))
        except Exception as error:  # sorted by kind_of: the timers stay until they have had their effect
            if kind_of(error) is Kind.TRANSIENT:
                raise
            if len(taken) > 1:
                for _ in range(len(taken)):
                    await self._batch(kind, handler, 1)
            elif taken:
                await self._delay(taken[0], error, now)
            return 0
        if taken:
            self._runtime.wake_relay()
        return len(taken)

    async def _delay(self, timer: DueTimer, error: Exception, now: datetime) -> None:
        wait = min(BACK_OFF_MOST, timedelta(seconds=2 ** min(timer.attempts, 20)))
        FAILED.labels(self._runtime.name, timer.kind).inc()
        logger.error("timer %s of %s failed and is tried again in %s", timer.kind, timer.shop_id, wait, exc_info=error)
        async with self._runtime.db.work() as tx:
            await tx.execute(_DELAY, timer.shop_id, timer.kind, timer.ref, now + wait)


def _keys(timers: Sequence[DueTimer]) -> tuple[list[str], list[str], list[str]]:
    return [t.shop_id for t in timers], [t.kind for t in timers], [t.ref for t in timers]
