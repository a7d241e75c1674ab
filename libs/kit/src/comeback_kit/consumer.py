"""The batch consumer: poll, one transaction a topic, then the offset.

Effects are idempotent, so a batch may be delivered again: after any crash, and after a stop or a rebalance in the
middle of a poll that was dealt out in lanes. An offset is committed only after every record before it has had its
effect (``settling``).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from prometheus_client import Counter, Gauge

from comeback_kit.ahead import Ahead, Polled
from comeback_kit.batching import in_batches
from comeback_kit.delivery import Batch
from comeback_kit.log.port import CommitFailed, LogConsumer, LogUnavailable, TopicPartition, group_lag
from comeback_kit.runtime import Runtime
from comeback_kit.settling import BatchHandler, Context, Interrupted, Settler, Subscription
from comeback_kit.turn import Turn

__all__ = ["BatchHandler", "Consumer", "Context", "Subscription", "lag"]

logger = logging.getLogger(__name__)

LAG = Gauge("comeback_consumer_lag", "Records behind the end of the log", ["service", "topic"])
REBUILDS = Gauge("comeback_consumer_rebuilds", "Times that a consumer that stood still was built anew", ["service"])
CRASHES = Counter("comeback_consumer_crashes_total", "Turns of the loop that failed in no foreseen way", ["service"])

POLL_SECONDS: Final = 0.25
STALLED_SECONDS: Final = 120.0
_CRASH_PAUSE: Final = 1.0
_LAG_EVERY: Final = 1.0
_BATCHES_A_POLL: Final = 4


class Consumer:
    """Runs the subscriptions of one service as one member of its consumer group."""

    def __init__(self, runtime: Runtime, subscriptions: Sequence[Subscription], *, batch: int = 1000) -> None:
        self._runtime = runtime
        self._subscriptions = sorted(subscriptions, key=lambda subscription: -subscription.priority)
        self._batch = batch
        self._log: LogConsumer = runtime.log.consumer(runtime.name, [one.topic for one in subscriptions])
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._interrupt = asyncio.Event()
        self._busy = asyncio.Lock()
        self._settler = Settler(runtime, self._interrupt, self._log.keep_alive)
        self._lag_at = 0.0
        self._ahead = Ahead(self._poll, self._read_first)
        self._committing: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        """False when the loop died or stands still: the process should be restarted."""
        if self._task is not None and self._task.done() and not self._stopping:
            return False
        return time.monotonic() - self._settler.active_at < STALLED_SECONDS

    async def start(self) -> None:
        """Join the group and start the loop; also with the database or the log away."""
        await self._log.start(self._finish_in_flight)
        self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-consumer")

    async def stop(self, timeout: float = 4.0) -> None:
        """Finish and commit the running batch, then leave; at the latest after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._stopping = True
        self._interrupt.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout * 0.7)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._ahead.leave()
        if self._committing is not None:
            ended, _ = await asyncio.wait({self._committing}, timeout=max(0.1, deadline - time.monotonic() - 0.2))
            for committing in ended:
                if not committing.cancelled() and committing.exception() is not None:
                    logger.warning("%s leaves without its last position", self._runtime.name)
        await self._log.stop(max(0.1, deadline - time.monotonic()))

    async def _finish_in_flight(self) -> None:
        """Partitions are about to go to another member: end the transaction under way and commit, drop a retry."""
        self._interrupt.set()
        try:
            async with self._busy:
                if self._committing is not None:
                    await asyncio.wait({self._committing})
        finally:
            if not self._stopping:
                self._interrupt.clear()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._turn()
            except Interrupted:
                continue
            except LogUnavailable as error:
                logger.warning("%s cannot commit its position: %s", self._runtime.name, error)
                await self._begin_again()
            except Exception:
                logger.exception("the consumer of %s failed in no foreseen way and begins again", self._runtime.name)
                CRASHES.labels(self._runtime.name).inc()
                await self._begin_again()

    async def _begin_again(self) -> None:
        await self._ahead.leave()
        if self._committing is not None:
            await asyncio.gather(self._committing, return_exceptions=True)
            self._committing = None
        await self._log.rewind()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CRASH_PAUSE):
                await self._interrupt.wait()

    async def _poll(self) -> Polled:
        records = await self._log.poll(self._batch * _BATCHES_A_POLL, POLL_SECONDS)
        return Polled(in_batches(records, self._subscriptions, self._batch), self._log.generation)

    async def _read_first(self, polled: Polled) -> Batch:
        return await polled.work[0].read()

    async def _turn(self) -> None:
        polled = await self._ahead.polled()
        first = await self._ahead.batch_of(polled)
        self._settler.active_at = time.monotonic()
        self._show_lag()
        if not polled.work:
            return
        async with self._busy:
            if polled.generation != self._log.generation:
                return  # a rebalance went through: whoever has the partitions now reads these again
            is_behind = polled.count >= self._batch  # more waits: it comes while these are settled
            begin = partial(self._begin_commit, polled.generation)
            turn = Turn(polled, self._settler.settle, self._interrupt, self._ahead if is_behind else None, begin)
            try:
                await turn.run(first)
            finally:
                if turn.done and polled.generation == self._log.generation:
                    await begin(turn.positions)
                if not is_behind:
                    await self._committed()

    async def _begin_commit(self, generation: int, ends: Mapping[TopicPartition, int]) -> None:
        """Commit in the background, one after the other. Raises ``Interrupted`` where the partitions are gone."""
        self._show_lag()
        if generation != self._log.generation:
            raise Interrupted
        await self._committed()
        self._committing = asyncio.create_task(self._commit(ends))

    async def _committed(self) -> None:
        """Wait for the commit that is under way."""
        committing, self._committing = self._committing, None
        if committing is not None:
            await committing

    async def _commit(self, ends: Mapping[TopicPartition, int]) -> None:
        try:
            await self._log.commit(ends)
        except CommitFailed:
            logger.info("partitions of %s moved to another member; its effects are idempotent", self._runtime.name)

    def _show_lag(self) -> None:
        if time.monotonic() - self._lag_at < _LAG_EVERY:
            return
        self._lag_at = time.monotonic()
        lags = dict.fromkeys((each.topic for each in self._subscriptions), 0)
        for place, behind in self._log.lags().items():
            lags[place.topic] += behind
        for topic, behind in lags.items():
            LAG.labels(self._runtime.name, topic).set(behind)
        REBUILDS.labels(self._runtime.name).set(self._log.rebuilds)


async def lag(runtime: Runtime, subscriptions: Sequence[Subscription]) -> dict[str, int]:
    """Records per topic, of those in the log now, whose effects the service has not committed."""
    if not subscriptions:
        return {}
    return await group_lag(runtime.log, runtime.name, [subscription.topic for subscription in subscriptions])
