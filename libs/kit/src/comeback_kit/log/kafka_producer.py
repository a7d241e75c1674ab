"""Appending to Kafka: an idempotent producer with acks from all replicas, built anew when it does not acknowledge."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from zlib import crc32

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from comeback_kit.log.kafka_clients import FAILURES, Producer
from comeback_kit.log.kafka_settings import KafkaSettings
from comeback_kit.log.port import APPEND_TIMEOUT, MAX_ENTRY_BYTES, Entry, EntryTooLarge, LogUnavailable

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = MAX_ENTRY_BYTES + 64 * 1024  # the value, its key and headers
_BATCHED_FROM: Final = 8  # entries of one call from which building the batches ourselves costs less
_RETRY_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

Sent = tuple["asyncio.Future[Any]", list[int]]
"""An acknowledgement to come, and the indexes of the entries that it stands for."""


class KafkaProducer:
    """Keeps one producer alive. ``prepare`` runs before a new producer is used: it makes missing topics."""

    def __init__(self, settings: KafkaSettings, prepare: Callable[[], Awaitable[None]]) -> None:
        self._settings = settings
        self._prepare = prepare
        self._producer: Producer | None = None
        self._ready = asyncio.Event()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_alive(), name="kafka-producer")

    async def ready(self, timeout: float) -> None:
        """Return when the cluster has answered; ``LogUnavailable`` after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise LogUnavailable("Kafka does not answer") from None

    def prepare_again(self) -> None:
        """There is something new to prepare."""
        self._work.set()

    async def stop(self, timeout: float) -> None:
        """Wait for outstanding acknowledgements, at most ``timeout`` seconds, and close."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(timeout):
                    await producer.flush()
            await producer.abort()
        await asyncio.gather(*self._endings)

    async def append(self, parts: Sequence[Sequence[Entry]]) -> None:
        """See ``port.EventLog.append``: a part is sent when the one before has been acknowledged."""
        producer = None
        try:
            async with asyncio.timeout(APPEND_TIMEOUT):
                await self._ready.wait()
                producer = self._producer
                if producer is None:
                    raise LogUnavailable("Kafka does not answer")
                before = 0
                for part in parts:
                    await _acknowledged(await self._send(producer, part), before)
                    before += len(part)
        except FAILURES as error:
            if not isinstance(error, UnknownTopicOrPartitionError):
                self._give_up(producer)
            raise LogUnavailable(f"Kafka: {type(error).__name__}: {error}") from error

    async def _send(self, producer: Producer, entries: Sequence[Entry]) -> list[Sent]:
        places: dict[tuple[str, int], list[int]] = {}
        keys = []
        for index, entry in enumerate(entries):
            topic, key = self._settings.wire(entry.topic), entry.key.encode()
            keys.append(key)
            # CRC-32, as librdkafka's default partitioner: aiokafka's murmur2 is Python and costs more than the rest.
            place = (topic, crc32(key) % len(await producer.partitions_for(topic)))
            places.setdefault(place, []).append(index)
        if len(entries) < _BATCHED_FROM:
            return [
                (await _send_one(producer, topic, partition, keys[index], entries[index]), [index])
                for (topic, partition), indexes in places.items()
                for index in indexes
            ]
        sends = (_send_batches(producer, *place, indexes, keys, entries) for place, indexes in places.items())
        return [sent for part in await asyncio.gather(*sends) for sent in part]

    def _give_up(self, producer: Producer | None) -> None:
        """Nothing that was not acknowledged in time may be delivered later: it was answered as not accepted."""
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        self._ready.clear()
        self._work.set()
        ending = asyncio.create_task(producer.abort(), name="kafka-producer-ending")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _keep_alive(self) -> None:
        failures = 0
        while True:
            self._work.clear()
            try:
                if self._producer is None:
                    self._producer = await self._started()
                await self._prepare()
            except FAILURES as error:
                logger.warning("Kafka does not answer: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            self._ready.set()
            await self._work.wait()

    async def _started(self) -> Producer:
        producer = Producer(
            **self._settings.client(),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,  # while one request is under way, the next batch fills by itself
            max_batch_size=1024 * 1024,
            max_request_size=MAX_MESSAGE_BYTES,
        )
        try:
            async with asyncio.timeout(APPEND_TIMEOUT):
                await producer.start()
        except BaseException:
            await producer.abort()
            raise
        return producer


async def _send_one(producer: Producer, topic: str, partition: int, key: bytes, entry: Entry) -> "asyncio.Future[Any]":
    try:
        future: asyncio.Future[Any] = await producer.send(
            topic, entry.value, key=key, partition=partition, headers=_headers(entry)
        )
    except MessageSizeTooLargeError as error:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(error)
    return future


async def _send_batches(
    producer: Producer,
    topic: str,
    partition: int,
    indexes: list[int],
    keys: list[bytes],
    entries: Sequence[Entry],
) -> list[Sent]:
    sent: list[Sent] = []
    rest = indexes
    while rest:
        batch, taken = producer.create_batch(), 0
        for index in rest:
            entry = entries[index]
            if batch.append(key=keys[index], value=entry.value, timestamp=None, headers=_headers(entry)) is None:
                break
            taken += 1
        batch.close()
        sent.append((await producer.send_batch(batch, topic, partition=partition), rest[:taken]))
        rest = rest[taken:]
    return sent


async def _acknowledged(sent: list[Sent], before: int) -> None:
    """Raise what went wrong; ``before``: how many entries of the call came before those that were sent."""
    results = await asyncio.gather(*(future for future, _ in sent), return_exceptions=True)
    too_large: list[int] = []
    for result, (_, indexes) in zip(results, sent, strict=True):
        if isinstance(result, MessageSizeTooLargeError) and len(indexes) == 1:
            too_large += [before + index for index in indexes]
        elif isinstance(result, BaseException):
            raise result if isinstance(result, KafkaError) else KafkaError(repr(result))
    if too_large:
        raise EntryTooLarge(sorted(too_large))


def _headers(entry: Entry) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in entry.headers.items()] if entry.headers else []
