"""The batch consumer on real PostgreSQL and the table log: effects once, poison alone, transient failures for ever."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from comeback_kit import outbox
from comeback_kit.consumer import Consumer, Context, Subscription
from comeback_kit.db import Connection, Database
from comeback_kit.errors import PoisonEvent, TransientError
from comeback_kit.events import Event, OutgoingEvent
from comeback_kit.log.port import Entry, Record, TopicSpec
from comeback_kit.log.postgres import PostgresLog
from comeback_kit.relay import Relay
from comeback_kit.runtime import Runtime
from comeback_kit.settings import ServiceSettings
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

TOPIC, DEAD, OUT = "things", "comeback.tiny.dead-letter.v1", "out"


@pytest.fixture
async def runtime(postgres: TestServer) -> AsyncIterator[Runtime]:
    url, log_url = await postgres.fresh("tiny", "tests.support.tiny"), await postgres.empty()
    db, log = Database(url, "tiny"), PostgresLog(log_url)
    await db.open()
    await log.start()
    await log.ensure_topics([TopicSpec(TOPIC), TopicSpec(DEAD), TopicSpec(OUT)])
    try:
        yield Runtime("tiny", ServiceSettings(database_url=url), db, log)
    finally:
        await log.stop()
        await db.close()


def entry(number: int, *, data: Any = None, kind: str = "thing.seen", key: str = "k") -> Entry:
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "test",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "shopid": "demo",
        "data": {"n": number} if data is None else data,
    }
    return Entry(TOPIC, key, json.dumps(event).encode())


async def note(tx: Connection, events: Sequence[Event], context: Context) -> None:
    for event in events:  # few events: what is tested is around the handler
        body = event.view(dict)
        if body.get("bad") == "poison":
            raise PoisonEvent(event, "says so itself")
        if body.get("bad") == "unclassified":
            raise RuntimeError("never seen before")
        if body.get("bad") == "nul":
            await tx.fetchval("select $1::text", "a\x00b")
        await tx.execute("insert into notes values ('demo', $1, '', $2)", event.id, context.now)


async def notes(runtime: Runtime) -> list[str]:
    async with runtime.db.work() as tx:
        return [row["note_id"] for row in await tx.fetch("select note_id from notes order by at, note_id")]


async def dead_letters(runtime: Runtime) -> list[dict[str, Any]]:
    async with runtime.db.work() as tx:
        rows = await tx.fetch("select value from outbox where topic = $1 order by id", DEAD)
    return [json.loads(row["value"]) for row in rows]


async def settled(runtime: Runtime) -> bool:
    from comeback_kit.consumer import lag

    return sum((await lag(runtime, [Subscription(TOPIC, note)])).values()) == 0


async def test_events_have_their_effect_once_whatever_is_repeated(runtime: Runtime) -> None:
    consumer = Consumer(runtime, [Subscription(TOPIC, note)])
    await consumer.start()
    for _ in range(5):
        await runtime.log.append([entry(1), entry(2), entry(1)])
    await eventually(lambda: settled(runtime))
    await consumer.stop()
    assert sorted(await notes(runtime)) == ["e1", "e2"]


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (Entry(TOPIC, "k", b"{broken"), "not a CloudEvents document"),
        (Entry(TOPIC, "k", b"\xff\xfe"), "not a CloudEvents document"),
        (entry(50, kind="thing.unknown"), "unknown type"),
        (Entry(TOPIC, "k", b'{"id": "' + b"x" * 2_000_000 + b'"}'), "too large"),
        (entry(50, data={"bad": "poison"}), "says so itself"),
        (entry(50, data={"bad": "nul"}), ""),
        (Entry(TOPIC, "k", b"[" * 5000 + b"]" * 5000), "not a CloudEvents document"),
        (entry(50, data={"bad": "unclassified"}), "RuntimeError: never seen before"),
    ],
    ids=["broken", "bytes", "unknown-type", "2MB", "named", "nul", "deep", "unclassified"],
)
async def test_poison_goes_to_the_dead_letters_and_the_partition_moves_on(
    runtime: Runtime, poison: Entry, reason: str
) -> None:
    await runtime.log.append([entry(1), entry(2), poison, entry(3), entry(4)])
    consumer = Consumer(runtime, [Subscription(TOPIC, note, types=frozenset({"thing.seen"}))])
    await consumer.start()
    await eventually(lambda: settled(runtime), within=20)
    await consumer.stop()
    assert sorted(await notes(runtime)) == ["e1", "e2", "e3", "e4"]
    (dead,) = await dead_letters(runtime)
    assert reason in dead["reason"]
    assert (dead["topic"], dead["service"]) == (TOPIC, "tiny")


async def test_a_passing_failure_is_tried_until_it_passes_and_keeps_the_order(runtime: Runtime) -> None:
    failures = iter([TransientError(), OSError(), asyncpg.DeadlockDetectedError("x"), asyncpg.SerializationError("x")])

    async def shaky(tx: Connection, events: Sequence[Event], context: Context) -> None:
        await note(tx, events, context)
        for failure in failures:
            raise failure

    await runtime.log.append([entry(number) for number in range(10)])
    consumer = Consumer(runtime, [Subscription(TOPIC, shaky)])
    await consumer.start()
    await eventually(lambda: settled(runtime), within=20)
    await consumer.stop()
    assert len(await notes(runtime)) == 10
    assert await dead_letters(runtime) == []


async def test_stopping_during_endless_retries_is_bounded_and_loses_nothing(runtime: Runtime) -> None:
    tries: list[int] = []

    async def never(tx: Connection, events: Sequence[Event], context: Context) -> None:
        tries.append(len(events))
        raise TransientError

    await runtime.log.append([entry(1)])
    consumer = Consumer(runtime, [Subscription(TOPIC, never)])
    await consumer.start()
    await eventually(lambda: len(tries) >= 2)
    await consumer.stop(2.0)
    again = Consumer(runtime, [Subscription(TOPIC, note)])
    await again.start()
    await eventually(lambda: settled(runtime))
    await again.stop()
    assert await notes(runtime) == ["e1"]


async def test_higher_priorities_are_handled_first_in_a_batch(runtime: Runtime) -> None:
    await runtime.log.ensure_topics([TopicSpec("first")])
    seen: list[str] = []

    async def see(tx: Connection, events: Sequence[Event], context: Context) -> None:
        seen.extend(event.id for event in events)

    await runtime.log.append([entry(1), Entry("first", "k", entry(2).value)])
    consumer = Consumer(runtime, [Subscription(TOPIC, see), Subscription("first", see, priority=1)])
    await consumer.start()
    await eventually(lambda: _has(seen, 2))
    await consumer.stop()
    assert sorted(seen) == ["e1", "e2"]


async def _has(seen: list[str], count: int) -> bool:
    return len(seen) >= count


async def test_what_a_handler_puts_into_the_outbox_leaves_with_its_transaction(runtime: Runtime) -> None:
    async def publish(tx: Connection, events: Sequence[Event], context: Context) -> None:
        await outbox.add(tx, [OutgoingEvent(OUT, event.id, b"x", {"h": "1"}) for event in events])

    relay, consumer = Relay(runtime), Consumer(runtime, [Subscription(TOPIC, publish)])
    await relay.start()
    await consumer.start()
    await runtime.log.append([entry(number) for number in range(20)])
    reader = runtime.log.consumer("reader", [OUT])
    await reader.start()
    got: list[str] = []

    async def all_there() -> bool:
        got.extend(record.key.decode() for record in await reader.poll(100, 0.2))
        return len(got) >= 20

    await eventually(all_there)
    await consumer.stop()
    await relay.stop()
    await reader.stop()
    assert sorted(got) == sorted(f"e{number}" for number in range(20))
    assert await outbox.pending(runtime) == 0


async def test_the_next_batch_and_no_more_is_read_while_a_handler_waits_for_its_first_rows(runtime: Runtime) -> None:
    """So that its own can leave at once, and there is something to do meanwhile."""
    read: list[str] = []
    seen: list[list[str]] = []

    def reader(event: Event) -> str:
        read.append(event.id)
        return event.id

    async def handler(tx: Connection, events: Sequence[Event], context: Context) -> None:
        assert [context.read(event, reader) for event in events] == [event.id for event in events]
        await tx.fetchval("select 1 from pg_sleep(0.05)")
        seen.append(read.copy())
        context.writing()
        await tx.fetchval("select 1 from pg_sleep(0.05)")
        seen.append(read.copy())
        await note(tx, events, context)

    await runtime.log.append([entry(number) for number in range(4)])
    consumer = Consumer(runtime, [Subscription(TOPIC, handler, reader=reader)], batch=1)
    await consumer.start()
    await eventually(lambda: settled(runtime))
    await consumer.stop()
    assert [len(ids) for ids in seen] == [2, 2, 3, 3, 4, 4, 4, 4]
    assert sorted(await notes(runtime)) == ["e0", "e1", "e2", "e3"]


async def test_a_lane_that_cannot_be_settled_is_read_again_and_the_others_only_once(runtime: Runtime) -> None:
    """The position stays before the first record of the lane, though those of other lanes came after it."""
    counts: Counter[str] = Counter()
    failing = True

    async def handler(tx: Connection, events: Sequence[Event], context: Context) -> None:
        counts.update(event.id for event in events)
        if failing and any(int(event.id[1:]) % 4 == 2 for event in events):
            raise TransientError("not now")
        await note(tx, events, context)

    lanes = [b"b", b"c", b"e", b"g"]  # 1, 0, 4 and 3 of five

    def lane(record: Record) -> bytes:
        return lanes[int(json.loads(record.value)["id"][1:]) % 4]

    by_number = Subscription(TOPIC, handler, lane=lane)
    await runtime.log.append([entry(number, key=f"k{number % 8}") for number in range(40)])
    consumer = Consumer(runtime, [by_number], batch=20)
    await consumer.start()
    await eventually(lambda: _seen(counts, "e2"))
    await consumer.stop()
    assert {int(name[1:]) % 4 for name in await notes(runtime)} <= {0, 1, 3}
    failing = False
    again = Consumer(runtime, [by_number], batch=20)
    await again.start()
    await eventually(lambda: settled(runtime))
    await again.stop()
    assert sorted(await notes(runtime)) == sorted(f"e{number}" for number in range(40))


async def _seen(counts: Counter[str], name: str) -> bool:
    return counts[name] > 0
