"""The batch consumer: poll, one transaction a topic, then the offset.

Effects are idempotent, so a batch may be delivered again after any crash. A failure that passes by itself is tried for
ever, the position kept; one that never will is bisected until the poison event is alone, and that one goes to the dead
letters in the same transaction as the others' effects, so that the partition moves on.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from prometheus_client import Counter, Gauge, Histogram

from comeback_kit import inbox, outbox
from comeback_kit.db import Connection
from comeback_kit.delivery import Delivery, dead_letter, decode
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.failures import Kind, kind_of
from comeback_kit.log.port import CommitFailed, LogConsumer, LogUnavailable, Record, TopicPartition, group_lag
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

LAG = Gauge("comeback_consumer_lag", "Records behind the end of the log", ["service", "topic"])
AGE = Gauge("comeback_consumer_event_age_seconds", "Age of the newest event of the last batch", ["service", "topic"])
EVENTS = Counter("comeback_consumer_events_total", "Events handled", ["service", "topic"])
RETRIES = Counter("comeback_consumer_retries_total", "Batches tried again", ["service", "topic", "kind"])
DEAD = Counter("comeback_consumer_dead_letters_total", "Events given up", ["service", "topic"])
SECONDS = Histogram("comeback_consumer_batch_seconds", "Seconds a batch of one topic took", ["service", "topic"])

POLL_SECONDS: Final = 0.25
UNKNOWN_TRIES: Final = 5
BACK_OFF_MOST: Final = 30.0
STALLED_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets beside its events: the runtime's clock read once a batch, and the runtime."""

    now: datetime
    runtime: Runtime


BatchHandler: TypeAlias = Callable[[Connection, Sequence[Event], Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic of a service.

    ``types``: the types that the topic may carry; another one is poison (None: any). ``inbox``: the handler gets only
    events not seen before; False where the effect is idempotent by its own key. Higher ``priority`` first in a batch.
    """

    topic: str
    handler: BatchHandler
    types: frozenset[str] | None = None
    inbox: bool = True
    priority: int = 0


class _Stopped(Exception):
    """The consumer is to stop while a batch is waiting to be tried again: the batch is dropped, its position kept."""


class Consumer:
    """Runs the subscriptions of one service as one member of its consumer group."""

    def __init__(self, runtime: Runtime, subscriptions: Sequence[Subscription], *, batch: int = 1000) -> None:
        self._runtime = runtime
        self._subscriptions = sorted(subscriptions, key=lambda subscription: -subscription.priority)
        self._batch = batch
        self._log: LogConsumer = runtime.log.consumer(runtime.name, [one.topic for one in subscriptions])
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._busy = asyncio.Lock()
        self._progress = time.monotonic()
        self._waiting = False

    @property
    def healthy(self) -> bool:
        """False when the loop died or stands still although there are records: the process should be restarted."""
        if self._task is not None and self._task.done() and not self._stopping.is_set():
            return False
        return self._waiting or time.monotonic() - self._progress < STALLED_SECONDS

    async def start(self) -> None:
        """Join the group and start the loop; also with the database or the log away."""
        await self._log.start(self._finish_in_flight)
        self._task = asyncio.create_task(self._run(), name=f"{self._runtime.name}-consumer")

    async def stop(self, timeout: float = 4.0) -> None:
        """Finish and commit the running batch, then leave; at the latest after ``timeout`` seconds."""
        self._stopping.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=timeout * 0.7)
            if not done:
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._log.stop(timeout * 0.3)

    async def _finish_in_flight(self) -> None:
        async with self._busy:
            return

    async def _run(self) -> None:
        with contextlib.suppress(_Stopped):
            while not self._stopping.is_set():
                try:
                    await self._turn()
                except (LogUnavailable, CommitFailed) as error:
                    logger.warning("the log is away for %s: %s", self._runtime.name, error)
                    await self._pause(0.5)

    async def _turn(self) -> None:
        records = await self._log.poll(self._batch, POLL_SECONDS)
        self._progress = time.monotonic()
        if not records:
            return
        async with self._busy:
            generation = self._log.generation
            await self._handle(records)
            if generation == self._log.generation:
                await self._commit(records)
        for place, lag in self._log.lags().items():
            LAG.labels(self._runtime.name, place.topic).set(lag)

    async def _handle(self, records: Sequence[Record]) -> None:
        by_topic: dict[str, list[Record]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        for subscription in self._subscriptions:
            chosen = by_topic.get(subscription.topic)
            if chosen:
                started = time.perf_counter()
                await self._settle(subscription, _unique(decode(chosen, subscription.types)))
                labels = (self._runtime.name, subscription.topic)
                SECONDS.labels(*labels).observe(time.perf_counter() - started)
                EVENTS.labels(*labels).inc(len(chosen))
                AGE.labels(*labels).set(_age(chosen[-1], self._runtime.clock()))

    async def _commit(self, records: Sequence[Record]) -> None:
        positions: dict[TopicPartition, int] = {}
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            positions[place] = max(positions.get(place, 0), record.offset + 1)
        try:
            await self._log.commit(positions)
        except CommitFailed:
            logger.info("partitions of %s moved to another member; its effects are idempotent", self._runtime.name)

    async def _settle(self, subscription: Subscription, deliveries: list[Delivery]) -> None:
        """Give the deliveries their effect, however long it takes; poison among them goes to the dead letters."""
        tries = 0
        while True:
            try:
                await self._once(subscription, deliveries)
            except Exception as error:  # noqa: BLE001  # sorted by kind_of: nothing is dropped
                kind = kind_of(error)
                tries += 1
                if kind is Kind.PERMANENT or (kind is Kind.UNKNOWN and tries >= UNKNOWN_TRIES):
                    await self._isolate(subscription, deliveries, error)
                    return
                await self._wait(subscription, error, kind, tries)
            else:
                return

    async def _once(self, subscription: Subscription, deliveries: list[Delivery]) -> None:
        alive = [one.event for one in deliveries if one.event is not None and one.reason is None]
        dead = [dead_letter(self._runtime.name, one) for one in deliveries if one.reason is not None]
        context = Context(now=self._runtime.clock(), runtime=self._runtime)
        async with self._runtime.db.work() as tx:
            if subscription.inbox:
                alive = await inbox.claim(tx, alive)
            if alive:
                await subscription.handler(tx, alive, context)
            await outbox.add(tx, dead)
        self._runtime.wake()
        if dead:
            DEAD.labels(self._runtime.name, subscription.topic).inc(len(dead))
            for one in deliveries:
                if one.reason is not None:
                    logger.error("dead letter from %s: %s", subscription.topic, one.reason)

    async def _isolate(self, subscription: Subscription, deliveries: list[Delivery], error: Exception) -> None:
        if isinstance(error, PoisonEvent):
            bad = inbox.identity(error.event)
            for one in deliveries:
                if one.event is not None and inbox.identity(one.event) == bad:
                    one.reason = error.reason
                    await self._settle(subscription, deliveries)
                    return
        alive = [one for one in deliveries if one.reason is None]
        if len(alive) <= 1:
            for one in alive:
                one.reason = f"{type(error).__name__}: {error}"
            await self._settle(subscription, deliveries)
            return
        middle = len(deliveries) // 2
        await self._settle(subscription, deliveries[:middle])
        await self._settle(subscription, deliveries[middle:])

    async def _wait(self, subscription: Subscription, error: Exception, kind: Kind, tries: int) -> None:
        RETRIES.labels(self._runtime.name, subscription.topic, kind.value).inc()
        if tries in (1, UNKNOWN_TRIES - 1) or tries % 10 == 0:
            logger.warning("a batch of %s is tried again", subscription.topic, exc_info=error)
        self._waiting = True
        try:
            await self._pause(min(BACK_OFF_MOST, 0.05 * 2 ** min(tries, 12)) * random.uniform(0.5, 1.0))  # noqa: S311
            await self._log.keep_alive()
        finally:
            self._waiting = False

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        if self._stopping.is_set():
            raise _Stopped


def _age(record: Record, now: datetime) -> float:
    with contextlib.suppress(PoisonEvent, msgspec.DecodeError):
        return (now - msgspec.json.decode(record.value, type=Event).at).total_seconds()
    return 0.0


def _unique(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """The deliveries without repeated events; the first of each stays."""
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for one in deliveries:
        if one.event is not None:
            key = inbox.identity(one.event)
            if key in seen:
                continue
            seen.add(key)
        kept.append(one)
    return kept


async def lag(runtime: Runtime, subscriptions: Sequence[Subscription]) -> dict[str, int]:
    """Records per topic, of those in the log now, whose effects the service has not committed."""
    if not subscriptions:
        return {}
    return await group_lag(runtime.log, runtime.name, [subscription.topic for subscription in subscriptions])
