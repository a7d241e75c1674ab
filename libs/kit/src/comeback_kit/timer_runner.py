"""Running due timers: claimed and deleted in the transaction of their effect, any number of replicas at once.

A kind that fails does not hold up the others, nor a timer that fails the rest of its batch: what fails in no passing
way is bisected until it is alone, and then tried again later and later, for ever.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client import Counter, Gauge

from comeback_kit.failures import Kind, kind_of, most_seconds
from comeback_kit.runtime import Runtime
from comeback_kit.settling import Context
from comeback_kit.timers import AtMost, DueTimer, TimerHandler

logger = logging.getLogger(__name__)

DONE = Counter("comeback_timers_total", "Timers that had their effect", ["service", "kind"])
FAILED = Counter("comeback_timers_failed_total", "Failures of a single timer; it is tried again", ["service", "kind"])
LATE = Gauge("comeback_timers_late_seconds", "How late the last batch's first timer ran", ["service", "kind"])

BATCH: Final = 500
POLL_SECONDS: Final = 1.0
BACK_OFF_FIRST: Final = timedelta(seconds=1)
BACK_OFF_MOST: Final = timedelta(hours=1)

_COLUMNS: Final = "t.shop_id, t.kind, t.ref, t.due_at, t.payload, t.attempts"
_CLAIM: Final = f"""
delete from timers t using (
  select shop_id, kind, ref from timers where kind = $1 and run_at <= $2
  order by run_at, shop_id, ref limit $3 for update skip locked
) due
where t.shop_id = due.shop_id and t.kind = due.kind and t.ref = due.ref
returning {_COLUMNS}"""
_CLAIM_AGAIN: Final = f"""
delete from timers t using (
  select shop_id, kind, ref from timers join unnest($3::text[], $4::text[]) as again (shop_id, ref) using (shop_id, ref)
  where kind = $1 and run_at <= $2 for update of timers skip locked
) due
where t.shop_id = due.shop_id and t.kind = due.kind and t.ref = due.ref
returning {_COLUMNS}"""
_DELAY: Final = """
update timers set attempts = attempts + 1, run_at = $4 where shop_id = $1 and kind = $2 and ref = $3 and run_at <= $5"""
_SOONEST: Final = """
select min(run_at) from unnest($1::text[]) as wanted (kind)
cross join lateral (select run_at from timers where kind = wanted.kind order by run_at limit 1) first"""


class TimerRunner:
    """Runs the timers of one service."""

    def __init__(self, runtime: Runtime, handlers: Mapping[str, TimerHandler]) -> None:
        self._runtime = runtime
        self._handlers = dict(handlers)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._waits: dict[str, tuple[float, float]] = {}  # kind: seconds of the present pause, when it ends

    async def start(self) -> None:
        """Start the loop; also with the database away."""
        if self._handlers:
            self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-timers")

    async def stop(self, timeout: float = 2.0) -> None:
        """Let the running batch end, then stop; at the latest after ``timeout`` seconds."""
        if self._task is None:
            return
        self._stopping = True
        self._runtime.wake_timers()
        await asyncio.wait({self._task}, timeout=timeout)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            self._runtime.timers_wanted.clear()
            for kind, handler in self._handlers.items():
                await self._run_kind(kind, handler)
            pause = await self._pause()
            if not self._stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._runtime.timers_wanted.wait()

    async def _run_kind(self, kind: str, handler: TimerHandler) -> None:
        """Everything that is due of one kind, or as many as it takes at once (``AtMost``).

        After a passing failure the kind waits, longer each time.
        """
        now = self._runtime.clock
        pause, until = self._waits.get(kind, (0.0, 0.0))
        if time.monotonic() < until:
            return
        try:
            while not self._stopping and await self._attempt(kind, handler, now(), _CLAIM, most(handler)) == BATCH:
                pass
        except Exception as error:
            pause = min(most_seconds(error), max(0.2, pause * 2))
            self._waits[kind] = (pause, time.monotonic() + pause)
            passing = kind_of(error) is Kind.TRANSIENT
            logger.warning("the timers %s wait %.1f s: %s", kind, pause, error, exc_info=None if passing else error)
        else:
            self._waits.pop(kind, None)

    async def _pause(self) -> float:
        """Until the next timer is due, at most a second."""
        kinds = [kind for kind in self._handlers if kind not in self._waits]
        try:
            async with self._runtime.db.work() as tx:
                soonest: datetime | None = await tx.fetchval(_SOONEST, kinds)
        except Exception as error:  # noqa: BLE001  # the database is away: the kinds have said so
            logger.debug("cannot look for the next timer: %s", error)
            return POLL_SECONDS
        if soonest is None:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.01, (soonest - self._runtime.clock()).total_seconds()))

    async def _attempt(self, kind: str, handler: TimerHandler, now: datetime, sql: str, *arguments: object) -> int:
        """Claim timers and run their handler in one transaction; answer how many there were.

        A handler may schedule the same timer anew: it has been deleted before.
        """
        taken: list[DueTimer] = []
        try:
            async with self._runtime.db.work() as tx:
                taken += _sorted(await tx.fetch(sql, kind, now, *arguments))
                if taken:
                    await handler(tx, taken, Context(now=now, runtime=self._runtime))
        except Exception as error:
            if not taken or kind_of(error) is Kind.TRANSIENT:
                raise
            await self._isolate(handler, taken, now, error)
        else:
            if taken:
                self._runtime.wake()
                DONE.labels(self._runtime.name, kind).inc(len(taken))
                LATE.labels(self._runtime.name, kind).set((now - taken[0].due_at).total_seconds())
        return len(taken)

    async def _isolate(self, handler: TimerHandler, timers: list[DueTimer], now: datetime, error: Exception) -> None:
        if len(timers) > 1:
            middle = len(timers) // 2
            for half in (timers[:middle], timers[middle:]):
                keys = [each.shop_id for each in half], [each.ref for each in half]
                await self._attempt(half[0].kind, handler, now, _CLAIM_AGAIN, *keys)
            return
        timer = timers[0]
        wait = min(BACK_OFF_MOST, BACK_OFF_FIRST * 2 ** min(timer.attempts, 20))
        FAILED.labels(self._runtime.name, timer.kind).inc()
        logger.error("a timer %s failed and is tried again in %s", timer.kind, wait, exc_info=error)
        async with self._runtime.db.work() as tx:
            await tx.execute(_DELAY, timer.shop_id, timer.kind, timer.ref, now + wait, now)


def most(handler: TimerHandler) -> int:
    """How many timers a handler takes at once."""
    return handler.most if isinstance(handler, AtMost) else BATCH


def _sorted(rows: Sequence[Any]) -> list[DueTimer]:
    return sorted((DueTimer(*row) for row in rows), key=lambda timer: (timer.due_at, timer.shop_id, timer.ref))
