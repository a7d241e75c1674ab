"""Giving events their effect, however long it takes: the transaction, the retries, the search for poison.

A failure that passes by itself is tried for ever. One that never will is bisected until the poison event is alone, and
that one goes to the dead letters, in the transaction of the effects of those that were delivered with it.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from comeback_kit import dead_letters, inbox, outbox
from comeback_kit.db import Connection
from comeback_kit.delivery import Batch, Delivery, Reader
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.failures import Kind, kind_of, most_seconds
from comeback_kit.log.port import Record
from comeback_kit.runtime import Runtime

logger = logging.getLogger(__name__)

AGE = Gauge("comeback_consumer_event_age_seconds", "Age of the oldest event of the last batch", ["service", "topic"])
EVENTS = Counter("comeback_consumer_events_total", "Records settled", ["service", "topic"])
RETRIES = Counter("comeback_consumer_retries_total", "Batches tried again", ["service", "topic", "kind"])
DEAD = Counter("comeback_consumer_dead_letters_total", "Events given up", ["service", "topic"])
SECONDS = Histogram("comeback_consumer_batch_seconds", "Seconds a batch of one topic took", ["service", "topic"])
SIZE = Histogram(
    "comeback_consumer_batch_size",
    "Records of one topic in one poll",
    ["service", "topic"],
    buckets=(1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000),
)

UNKNOWN_TRIES: Final = 5
_BACK_OFF_FIRST: Final = 0.1
_KEEP_ALIVE_SECONDS: Final = 5.0


T = TypeVar("T")


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets beside its events: the runtime's clock read once a batch, and the runtime.

    ``writing()`` says that from here on PostgreSQL has the work: then the next batch begins, if it is of another lane.
    Unsaid, it waits for the commit.
    """

    now: datetime
    runtime: Runtime
    ahead: Mapping[int, Any] = field(default_factory=dict)
    writing: Callable[[], None] = _nothing

    def read(self, event: Event, reader: Callable[[Event], T]) -> T:
        """``reader(event)``; what the subscription read ahead with the same reader is not read again."""
        found: T | None = self.ahead.get(id(event))
        return reader(event) if found is None else found


BatchHandler: TypeAlias = Callable[[Connection, Sequence[Event], Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic of a service.

    ``types``: the types that the topic may carry; another one is poison (None: any). ``inbox``: the handler gets only
    events not seen before; False where the effect is idempotent by its own key. Higher ``priority`` first in a batch.
    ``reader``: a pure reading of an event that is done while the batch before waits for PostgreSQL, see ``Context``.
    ``lane``: whose rows the effect of a record locks, where that is not its key, see ``batching``. It must not raise.
    Only records of one key keep their order then.
    """

    topic: str
    handler: BatchHandler
    types: frozenset[str] | None = None
    inbox: bool = True
    priority: int = 0
    reader: Reader | None = None
    lane: Callable[[Record], bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """What stays the same for all tries and parts of a batch."""

    subscription: Subscription
    ahead: Mapping[int, Any]
    writing: Callable[[], None]


class Interrupted(Exception):
    """There is no time to try again: the batch is dropped, its position kept."""


class Settler:
    """Settles batches of one service. ``interrupt`` set means: finish the transaction under way, begin no retry."""

    def __init__(self, runtime: Runtime, interrupt: asyncio.Event, keep_alive: Callable[[], Awaitable[None]]) -> None:
        self._runtime = runtime
        self._interrupt = interrupt
        self._keep_alive = keep_alive
        self.active_at = time.monotonic()

    async def settle(self, subscription: Subscription, batch: Batch, writing: Callable[[], None] = _nothing) -> None:
        """Return when every record has had its effect or is a dead letter. Raises ``Interrupted``."""
        started = time.perf_counter()
        records, deliveries = batch.records, batch.deliveries
        await self._settle(_Job(subscription, batch.ahead, writing), deliveries)
        labels = (self._runtime.name, subscription.topic)
        SECONDS.labels(*labels).observe(time.perf_counter() - started)
        SIZE.labels(*labels).observe(len(records))
        EVENTS.labels(*labels).inc(len(records))
        if deliveries[0].event is not None:
            with contextlib.suppress(PoisonEvent):
                AGE.labels(*labels).set((self._runtime.clock() - deliveries[0].event.at).total_seconds())

    async def _settle(self, job: _Job, deliveries: list[Delivery]) -> None:
        tries = 0
        while True:
            self.active_at = time.monotonic()
            try:
                await self._transact(job, deliveries)
            except Exception as error:  # noqa: BLE001  # sorted by kind_of: nothing is dropped
                tries += 1
                if isinstance(error, PoisonEvent) and _mark(deliveries, error):
                    continue
                if self._is_final(error, tries, deliveries):
                    await self._isolate(job, deliveries, error)
                    return
                await self._back_off(job.subscription, error, tries)
            else:
                return

    async def _transact(self, job: _Job, deliveries: Sequence[Delivery]) -> None:
        subscription, now = job.subscription, self._runtime.clock()
        alive = [each.event for each in deliveries if each.event is not None and each.reason is None]
        dead = [each for each in deliveries if each.reason is not None]
        async with self._runtime.db.work() as tx:
            if subscription.inbox:
                alive = await inbox.claim(tx, alive)
            if alive:
                await subscription.handler(tx, alive, Context(now, self._runtime, job.ahead, job.writing))
            letters = [dead_letters.letter(self._runtime.name, each.record, each.reason or "", now) for each in dead]
            await outbox.add(tx, letters)
        self._runtime.wake()
        for each in dead:
            DEAD.labels(self._runtime.name, subscription.topic).inc()
            # The full reason may quote the event; it stays with it in the dead letters.
            place = f"{each.record.topic}/{each.record.partition}/{each.record.offset}"
            logger.error("dead letter from %s: %s", place, (each.reason or "").split(":", 1)[0][:80])

    def _is_final(self, error: Exception, tries: int, deliveries: Sequence[Delivery]) -> bool:
        kind = kind_of(error)
        if kind is Kind.SLOW:
            return len(_alive(deliveries)) > 1
        return kind is Kind.PERMANENT or (kind is Kind.UNKNOWN and tries >= UNKNOWN_TRIES)

    async def _isolate(self, job: _Job, deliveries: list[Delivery], error: Exception) -> None:
        alive = _alive(deliveries)
        if len(alive) > 1:
            middle = deliveries.index(alive[len(alive) // 2])
            await self._settle(job, deliveries[:middle])
            await self._settle(job, deliveries[middle:])
            return
        if not alive:  # the dead letters alone cannot be written: nothing of theirs can be to blame
            await self._back_off(job.subscription, error, UNKNOWN_TRIES)
        for each in alive:
            each.reason = f"{type(error).__name__}: {error}"
        await self._settle(job, deliveries)

    async def _back_off(self, subscription: Subscription, error: Exception, tries: int) -> None:
        RETRIES.labels(self._runtime.name, subscription.topic, kind_of(error).value).inc()
        if tries in (1, UNKNOWN_TRIES) or tries % 10 == 0:
            logger.warning("a batch of %s is tried again (%d)", subscription.topic, tries, exc_info=error)
        wait = min(most_seconds(error), _BACK_OFF_FIRST * 2 ** min(tries - 1, 12)) * random.uniform(0.5, 1.0)  # noqa: S311
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            self.active_at = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _KEEP_ALIVE_SECONDS)):
                    await self._interrupt.wait()
            if self._interrupt.is_set():
                raise Interrupted
            await self._keep_alive()


def _alive(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return [each for each in deliveries if each.reason is None]


def _mark(deliveries: Sequence[Delivery], error: PoisonEvent) -> bool:
    """Mark the event that the error names; False when it is not among them (or was marked before)."""
    for each in deliveries:
        if each.reason is None and each.event is not None and inbox.identity(each.event) == inbox.identity(error.event):
            each.reason = error.reason
            return True
    return False
