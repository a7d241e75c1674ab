"""One member of a Kafka consumer group, on aiokafka, with what it lacks: bounded calls and a watchdog.

Seen with aiokafka 0.14 and guarded against here: ``commit`` and ``stop`` wait for ever while the broker is away, and a
commit after a rebalance raises.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener
from aiokafka import TopicPartition as WirePartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from comeback_kit.log.kafka_clients import FAILURES, Consumer
from comeback_kit.log.kafka_settings import KafkaSettings
from comeback_kit.log.kafka_watchdog import EndOffsets, Watchdog, position_of
from comeback_kit.log.port import CommitFailed, LogUnavailable, Record, RevokeHook, TopicPartition

logger = logging.getLogger(__name__)

_START_SECONDS: Final = 6.0
_COMMIT_SECONDS: Final = 5.0
_REVOKE_SECONDS: Final = 5.0
_SESSION_SECONDS: Final = 6.0  # the least that brokers allow by default; a killed member's partitions wait for it
_REBALANCE_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_NOWHERE: Final = WirePartition("", 0)


class KafkaConsumer:
    """See ``port.LogConsumer``. ``end_offsets`` is for the watchdog."""

    def __init__(self, settings: KafkaSettings, group: str, topics: Sequence[str], end_offsets: EndOffsets) -> None:
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._on_revoke: RevokeHook | None = None
        self._consumer: Consumer | None = None
        self._building: asyncio.Task[None] | None = None
        self._failures = 0
        self._generation = 0
        self._rebuilds = 0
        self._watchdog = Watchdog(settings, self._topics, end_offsets)

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def rebuilds(self) -> int:
        return self._rebuilds

    async def start(self, on_revoke: RevokeHook | None = None) -> None:
        self._on_revoke = on_revoke
        self._building = asyncio.create_task(self._build(), name=f"kafka-{self._group}")

    async def stop(self, timeout: float = 4.0) -> None:
        self._on_revoke = None
        if self._building is not None:
            self._building.cancel()
            await asyncio.gather(self._building, return_exceptions=True)
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.end(timeout)

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(map(self._place, self._wire_assignment()))

    def lags(self) -> Mapping[TopicPartition, int]:
        lags: dict[TopicPartition, int] = {}
        consumer = self._consumer
        for wire in self._wire_assignment():
            position, end = position_of(consumer, wire), consumer and consumer.highwater(wire)
            lags[self._place(wire)] = 0 if position is None or end is None else max(0, end - position)
        return lags

    async def poll(self, max_records: int, timeout: float) -> list[Record]:
        consumer = await self._ready(timeout)
        if consumer is None:
            return []
        try:
            async with asyncio.timeout(timeout + 0.5):  # aiokafka waits for a rebalance without a limit
                batches = await consumer.getmany(timeout_ms=int(timeout * 1000), max_records=max_records)
        except TimeoutError:
            return []
        except FAILURES as error:
            logger.warning("group %s cannot read: %s", self._group, type(error).__name__)
            await self._rebuild()
            return []
        # What comes is of the present assignment, also when a rebalance went through while this waited: aiokafka hands
        # nothing out from the moment before the revoke hook until the new assignment stands.
        if batches:
            self._watchdog.moved()
        elif await self._watchdog.stands_still(consumer):
            logger.error("group %s stands still: building its consumer anew", self._group)
            self._rebuilds += 1
            await self._rebuild()
        return [record for wire, batch in batches.items() for record in self._records(wire, batch)]

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        consumer = self._consumer
        if consumer is None:
            raise CommitFailed("the consumer has been rebuilt")
        wire = {WirePartition(self._settings.wire(place.topic), place.partition): at for place, at in positions.items()}
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await consumer.commit(wire)
        except (CommitFailedError, IllegalStateError) as error:
            raise CommitFailed(str(error)) from error
        except FAILURES as error:
            await self._rebuild()
            raise LogUnavailable(f"Kafka: {type(error).__name__}: {error}") from error

    async def rewind(self) -> None:
        self._generation += 1
        consumer = self._consumer
        if consumer is None:
            return
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                for wire in consumer.assignment():
                    committed = await consumer.committed(wire)
                    if committed is None:
                        await consumer.seek_to_beginning(wire)
                    else:
                        consumer.seek(wire, committed)
        except FAILURES:
            await self._rebuild()

    async def keep_alive(self) -> None:
        if self._consumer is not None:
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(0.1):
                    await self._consumer.getmany(_NOWHERE, timeout_ms=0)  # counts as activity, reads nothing

    async def _ready(self, timeout: float) -> Consumer | None:
        if self._consumer is None and self._building is not None:
            await asyncio.wait([self._building], timeout=timeout)
        return self._consumer

    async def _build(self) -> None:
        while True:
            consumer = self._new()
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await consumer.start()
            except FAILURES as error:
                logger.warning("group %s cannot join: %s", self._group, type(error).__name__)
                await consumer.end(0.5)
                await asyncio.sleep(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)])
                self._failures += 1
                continue
            except BaseException:
                await consumer.end(0.5)
                raise
            self._failures = 0
            consumer.subscribe([self._settings.wire(topic) for topic in self._topics], listener=_Listener(self))
            self._watchdog.moved()
            self._consumer = consumer
            return

    def _new(self) -> Consumer:
        return Consumer(
            **self._settings.client() | {"metadata_max_age_ms": 5_000},  # so soon it sees topics made later
            group_id=self._settings.wire(self._group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(_SESSION_SECONDS * 1000),
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=int(_REBALANCE_SECONDS * 1000),
            # The broker gathers for 50 ms, or until there is much. Answered at each record, the fetches of all services
            # take a core at 50 orders a second, and everything waits longer. More than 50 ms would do so too: a fetch
            # under way blocks the next one to the same broker, also for partitions that it does not cover.
            fetch_max_wait_ms=50,
            fetch_min_bytes=64 * 1024,
            fetch_max_bytes=16 * 1024 * 1024,
            max_partition_fetch_bytes=2 * 1024 * 1024,
        )

    async def _rebuild(self) -> None:
        consumer, self._consumer = self._consumer, None
        self._generation += 1
        if consumer is not None:
            await consumer.end(1.0)
        if self._building is None or self._building.done():
            self._building = asyncio.create_task(self._build(), name=f"kafka-{self._group}")

    def _records(self, wire: Any, batch: Sequence[Any]) -> list[Record]:
        topic, partition = self._place(wire)
        return [
            Record(topic, partition, each.offset, each.key or b"", each.value or b"", _headers(each.headers))
            for each in batch
        ]

    def _place(self, wire: Any) -> TopicPartition:
        return TopicPartition(self._settings.logical(wire.topic), wire.partition)

    def _wire_assignment(self) -> frozenset[Any]:
        return frozenset() if self._consumer is None else frozenset(self._consumer.assignment())

    async def revoked(self) -> None:
        """The group rebalances: let the work in flight end, then everything polled before is void."""
        if self._on_revoke is not None:
            try:
                async with asyncio.timeout(_REVOKE_SECONDS):
                    await self._on_revoke()
            except TimeoutError:
                logger.warning("group %s gives partitions up with work in flight", self._group)
        self._generation += 1


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            await self._consumer.revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        logger.info("partitions assigned: %d", len(assigned))


def _headers(headers: Sequence[tuple[str, bytes]]) -> dict[str, str] | None:
    return {name: value.decode("utf-8", "replace") for name, value in headers} if headers else None
