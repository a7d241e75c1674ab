"""The Kafka adapter of the event log."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as WirePartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from comeback_kit.log.kafka_clients import FAILURES
from comeback_kit.log.kafka_consumer import KafkaConsumer
from comeback_kit.log.kafka_producer import MAX_MESSAGE_BYTES, KafkaProducer
from comeback_kit.log.kafka_settings import KafkaSettings
from comeback_kit.log.port import MAX_ENTRY_BYTES, Entry, EntryTooLarge, LogUnavailable, TopicPartition, TopicSpec

_START_SECONDS: Final = 5.0
_ASK_SECONDS: Final = 4.0

T = TypeVar("T")


class KafkaLog:
    """See ``port.EventLog``."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer = KafkaProducer(settings, self._create_missing)
        self._missing: dict[str, TopicSpec] = {}
        self._created = asyncio.Condition()
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    @classmethod
    def from_url(cls, url: str) -> "KafkaLog":
        """Raises ``ValueError`` for a URL that is none."""
        return cls(KafkaSettings.from_url(url))

    async def start(self) -> None:
        self._producer.start()
        with contextlib.suppress(LogUnavailable):
            await self._producer.ready(_START_SECONDS)

    async def stop(self, timeout: float = 2.0) -> None:
        await self._producer.stop(timeout / 2)
        await self._forget_clients()

    async def ensure_topics(self, topics: Iterable[TopicSpec], timeout: float = 5.0) -> bool:
        self._missing.update((spec.name, spec) for spec in topics)
        self._producer.prepare_again()
        try:
            async with asyncio.timeout(timeout), self._created:
                await self._created.wait_for(lambda: not self._missing)
        except TimeoutError:
            return False
        return True

    async def append(self, entries: Sequence[Entry], *, first: Sequence[Entry] = ()) -> None:
        sizes = enumerate(len(entry.value) for part in (first, entries) for entry in part)
        too_large = [index for index, size in sizes if size > MAX_ENTRY_BYTES]
        if too_large:
            raise EntryTooLarge(too_large)
        await self._producer.append([part for part in (first, entries) if part])

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        return KafkaConsumer(self._settings, group, topics, self.end_offsets)

    async def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        async def ask() -> dict[TopicPartition, int]:
            places = await self._places(topics)
            if not places:
                return {}
            if self._reader is None:
                self._reader = AIOKafkaConsumer(**self._settings.client())
                await self._reader.start()
            return {self._logical(wire): end for wire, end in (await self._reader.end_offsets(places)).items()}

        return await self._ask(ask)

    async def committed(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        async def ask() -> dict[TopicPartition, int]:
            places = await self._places(topics)
            if not places:
                return {}
            admin = await self._connected_admin()
            found = await admin.list_consumer_group_offsets(self._settings.wire(group), partitions=places)
            return {self._logical(wire): max(0, at.offset) for wire, at in found.items()}

        return await self._ask(ask)

    async def ping(self) -> None:
        async def ask() -> None:
            await (await self._connected_admin()).describe_cluster()

        await self._ask(ask, 2.0)

    async def _ask(self, question: Callable[[], Awaitable[T]], timeout: float = _ASK_SECONDS) -> T:
        try:
            async with asyncio.timeout(timeout), self._asking:
                return await question()
        except FAILURES as error:
            await self._forget_clients()
            raise LogUnavailable(f"Kafka: {type(error).__name__}: {error}") from error

    async def _connected_admin(self) -> Any:
        if self._admin is None:
            admin = AIOKafkaAdminClient(**self._settings.client())
            self._admin = admin
            await admin.start()
        return self._admin

    async def _forget_clients(self) -> None:
        admin, self._admin = self._admin, None
        reader, self._reader = self._reader, None
        for closing in (admin and admin.close, reader and reader.stop):
            if closing is not None:
                with contextlib.suppress(*FAILURES):
                    async with asyncio.timeout(1.0):
                        await closing()

    async def _places(self, topics: Sequence[str]) -> list[WirePartition]:
        admin = await self._connected_admin()
        described = await admin.describe_topics([self._settings.wire(topic) for topic in topics])
        for topic in described:
            # A topic that is not there yet holds nothing; of one whose state the broker cannot tell, nobody knows.
            if topic["error_code"] not in (NoError.errno, UnknownTopicOrPartitionError.errno):
                raise for_code(topic["error_code"])(topic["topic"])
        return [
            WirePartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]

    async def _create_missing(self) -> None:
        """Make the topics that were asked for. Runs in the producer's task: again after every loss of the broker."""
        specs = list(self._missing.values())
        if specs:
            async with asyncio.timeout(15.0), self._asking:
                admin = await self._connected_admin()
                try:
                    await self._create(admin, specs)
                except FAILURES:
                    await self._forget_clients()
                    raise
        async with self._created:
            for spec in specs:
                if self._missing.get(spec.name) is spec:
                    del self._missing[spec.name]
            self._created.notify_all()

    async def _create(self, admin: Any, specs: Sequence[TopicSpec]) -> None:
        answer = await admin.create_topics([self._new_topic(spec) for spec in specs])
        for _, code, *message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(*message)
        wanted = {self._settings.wire(spec.name): spec.partitions for spec in specs}
        while True:
            described = await admin.describe_topics(list(wanted))
            led = {
                topic["topic"]: sum(partition["leader"] >= 0 for partition in topic["partitions"])
                for topic in described
            }
            if more := {
                topic["topic"]: NewPartitions(wanted[topic["topic"]])
                for topic in described
                if 0 < len(topic["partitions"]) < wanted[topic["topic"]]
            }:
                await admin.create_partitions(more)
            elif all(led.get(name, 0) >= count for name, count in wanted.items()):
                return
            await asyncio.sleep(0.05)

    def _new_topic(self, spec: TopicSpec) -> NewTopic:
        retention = -1 if spec.retention is None else int(spec.retention.total_seconds() * 1000)
        config = {"max.message.bytes": str(MAX_MESSAGE_BYTES + 1024)}
        if spec.compacted:
            config["cleanup.policy"] = "compact"
        else:
            config["retention.ms"] = str(retention)
        topic = NewTopic(self._settings.wire(spec.name), spec.partitions, 1, topic_configs=config)
        topic.replication_factor = self._settings.replication  # its constructor takes no -1, the cluster's default
        return topic

    def _logical(self, wire: Any) -> TopicPartition:
        return TopicPartition(self._settings.logical(wire.topic), wire.partition)
