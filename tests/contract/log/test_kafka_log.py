"""What only the Kafka log has: topics on a cluster, records of other producers, a client that may fall silent."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from comeback_kit.log import Entry, TopicSpec, kafka_watchdog, open_log
from comeback_kit.log.kafka import KafkaLog
from comeback_kit.log.port import LogUnavailable
from tests.contract.log.conftest import numbered
from tests.contract.log.reading import numbers, read
from tests.support.kafka import KafkaBroker
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def namespace() -> str:
    return f"n{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def log(kafka_broker: KafkaBroker, namespace: str) -> AsyncIterator[KafkaLog]:
    log = open_log(kafka_broker.url_for(namespace))
    assert isinstance(log, KafkaLog)
    await log.start()
    assert await log.ensure_topics([TopicSpec("orders"), TopicSpec("single", partitions=1)], timeout=20.0)
    yield log
    await log.stop()


async def test_topics_are_made_with_their_retention_and_compaction(
    log: KafkaLog, kafka_broker: KafkaBroker, namespace: str
) -> None:
    specs = [
        TopicSpec("week", partitions=3, retention=timedelta(days=7)),
        TopicSpec("ever", retention=None),
        TopicSpec("shops", partitions=1, retention=None, compacted=True),
    ]
    assert await log.ensure_topics(specs, timeout=20.0)
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{kafka_broker.port}")
    await admin.start()
    try:
        resources = [ConfigResource(ConfigResourceType.TOPIC, f"{namespace}.{spec.name}") for spec in specs]
        answers = await admin.describe_configs(resources)
        settings: dict[str, dict[str, Any]] = {
            name: {entry[0]: entry[1] for entry in entries} for a in answers for _, _, _, name, entries in a.resources
        }
        described = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    finally:
        await admin.close()
    assert settings[f"{namespace}.week"]["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert settings[f"{namespace}.ever"]["retention.ms"] == "-1"
    assert settings[f"{namespace}.shops"]["cleanup.policy"] == "compact"
    assert int(settings[f"{namespace}.week"]["max.message.bytes"]) > 8 * 1024 * 1024
    assert described[f"{namespace}.week"] == 3


async def test_namespaces_do_not_see_each_other(log: KafkaLog, kafka_broker: KafkaBroker) -> None:
    other = open_log(kafka_broker.url_for("another"))
    await other.start()
    assert await other.ensure_topics([TopicSpec("single", partitions=1)], timeout=20.0)
    await log.append(numbered("single", 3))
    assert sum((await log.end_offsets(["single"])).values()) == 3
    assert sum((await other.end_offsets(["single"])).values()) == 0
    await other.stop()


async def test_records_of_other_producers_are_read_whatever_they_look_like(
    log: KafkaLog, kafka_broker: KafkaBroker, namespace: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka_broker.port}")
    await producer.start()
    topic = f"{namespace}.single"
    await producer.send_and_wait(topic, b"no key")
    await producer.send_and_wait(topic, None, key=b"tombstone")
    await producer.send_and_wait(topic, b"bytes", key=b"\xff\x00", headers=[("h", b"\xff\xfe")])
    await producer.stop()
    member = log.consumer("g", ["single"])
    await member.start()
    records = await read(member, 3)
    await member.stop()
    assert [(r.key, r.value) for r in records] == [(b"", b"no key"), (b"tombstone", b""), (b"\xff\x00", b"bytes")]
    assert records[2].headers == {"h": "��"}


async def test_a_consumer_that_falls_silent_is_built_anew_and_counted(
    log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_watchdog, "_QUIET_SECONDS", 0.5)
    monkeypatch.setattr(kafka_watchdog, "_AGAIN_SECONDS", 0.3)
    await log.append(numbered("single", 3))
    member = log.consumer("g", ["single"])
    await member.start()
    await read(member, 3)
    consumer: Any = member._consumer
    consumer._fetcher._fetch_task.cancel()  # its fetching ends without a word
    await log.append(numbered("single", 3, start=3))
    records = await read(member, 3, within=30.0)
    assert numbers(records)[-3:] == [3, 4, 5]
    assert member.rebuilds == 1
    await member.stop()


async def test_a_quiet_topic_makes_no_watchdog_bark(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_watchdog, "_QUIET_SECONDS", 0.1)
    monkeypatch.setattr(kafka_watchdog, "_AGAIN_SECONDS", 0.05)
    await log.append(numbered("single", 3))
    member = log.consumer("g", ["single", "orders"])
    await member.start()
    await read(member, 3)
    for _ in range(10):
        assert await member.poll(10, 0.1) == []
    assert member.rebuilds == 0
    await member.stop()


async def test_retries_that_take_long_do_not_cost_the_membership(
    log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append(numbered("single", 3))
    member = log.consumer("g", ["single"])
    await member.start()
    await read(member, 3)
    generation = member.generation
    coordinator: Any = member._consumer._coordinator  # type: ignore[union-attr]  # it has been read from
    monkeypatch.setattr(coordinator, "_max_poll_interval", 1.0)
    for _ in range(8):
        await eventually(lambda: True)
        await member.keep_alive()
        await eventually(_after(0.3))
    assert member.generation == generation
    assert member.assignment()
    await member.stop()


async def test_a_large_call_is_batched_and_keeps_its_order(log: KafkaLog) -> None:
    await log.append([Entry("single", f"k{number % 5}", str(number).encode() + b" " * 2000) for number in range(3000)])
    member = log.consumer("g", ["single"])
    await member.start()
    assert numbers(await read(member, 3000)) == list(range(3000))
    await member.stop()


def _after(seconds: float) -> Any:
    import time

    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


async def test_a_topic_that_the_broker_cannot_tell_of_is_not_taken_for_an_empty_one(log: KafkaLog) -> None:
    """Else ``caught_up`` would say that everything is done while a broker restarts."""
    assert await log.end_offsets(["not.made.yet"]) == {}
    for question in (log.end_offsets(["no topic!"]), log.committed("group", ["no topic!"])):
        with pytest.raises(LogUnavailable, match="InvalidTopic"):
            await question
    assert await log.ensure_topics([TopicSpec("still.works", 1)], timeout=20.0)
    assert len(await log.end_offsets(["still.works"])) == 1
