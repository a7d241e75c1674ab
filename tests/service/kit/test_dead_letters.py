"""Dead letters: kept to the byte, put back once, and then processed like any event."""

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from comeback_kit import dead_letters
from comeback_kit.consumer import Consumer, Context, Subscription
from comeback_kit.db import Connection
from comeback_kit.dead_letters import Letter, replay
from comeback_kit.errors import PermanentError
from comeback_kit.events import Event
from comeback_kit.log import Entry
from comeback_kit.outbox import Relay
from comeback_kit.runtime import Runtime
from tests.service.kit.plumbing import (
    DEAD,
    NOTES,
    SERVICE,
    TOPIC,
    behind,
    note,
    noted,
    read_to_end,
    running,
    thing,
    tiny_database,
)
from tests.support.postgres import TestServer
from tests.support.shared_files import REPO_ROOT
from tests.support.waiting import eventually


@pytest.fixture
async def runtime(postgres: TestServer, either_log_url: str) -> AsyncIterator[Runtime]:
    database = await tiny_database(postgres)
    async with running(database, either_log_url) as runtime:
        yield runtime
    await postgres.drop(database)


BROKEN = [
    Entry(TOPIC, "demo:1", b"{broken", {"traceparent": "00-a"}),
    Entry(TOPIC, "demo:2", b"\xff\x00\xfe bytes"),
    Entry(TOPIC, "demo:3", b'{"text": "a\\u0000b", "n": 1.10}'),
    thing(7, kind="thing.unheard_of", key="demo:4"),
]


async def test_dead_letters_go_back_once_to_the_byte(runtime: Runtime) -> None:
    await _give_up(runtime, BROKEN)
    before = await read_to_end(runtime.log, TOPIC, "before")
    shown = await replay(runtime.log, SERVICE, dry_run=True)
    assert len(shown) == 4
    assert len(await read_to_end(runtime.log, TOPIC, "dry")) == 4, "a dry run changes nothing"
    put_back = await replay(runtime.log, SERVICE)
    assert {letter.reason.split(":")[0] for letter in put_back} >= {"not a CloudEvents document"}
    after = await read_to_end(runtime.log, TOPIC, "after")
    originals = sorted((record.key, record.value, record.headers) for record in before)
    assert sorted((record.key, record.value, record.headers) for record in after) == sorted(originals * 2)
    assert await replay(runtime.log, SERVICE) == []
    assert len(await read_to_end(runtime.log, TOPIC, "again")) == 8


async def test_a_limit_leaves_the_rest_for_the_next_time(runtime: Runtime) -> None:
    await _give_up(runtime, BROKEN)
    sizes = [len(await replay(runtime.log, SERVICE, limit=3)), len(await replay(runtime.log, SERVICE, limit=3))]
    assert sizes == [3, 1]


async def test_a_repaired_service_processes_what_it_once_gave_up(runtime: Runtime) -> None:
    async def refuses_seven(tx: Connection, events: Sequence[Event], context: Context) -> None:
        await note(tx, events, context)
        if any(event.id == "e7" for event in events):
            raise PermanentError("a bug that only seven meets")

    await runtime.log.append([thing(number) for number in range(10)])
    await _run(runtime, Subscription(TOPIC, refuses_seven))
    assert await noted(runtime) == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    (letter,) = await replay(runtime.log, SERVICE)
    assert letter.reason == "PermanentError: a bug that only seven meets"
    await _run(runtime, NOTES)
    assert await noted(runtime) == list(range(10))


async def test_a_letter_says_where_and_why(runtime: Runtime) -> None:
    await _give_up(runtime, [thing(7, kind="thing.unheard_of")])
    (record,) = await read_to_end(runtime.log, DEAD, "look")
    letter = msgspec.json.decode(record.value, type=Letter)
    assert (letter.service, letter.topic, letter.key, letter.offset) == (SERVICE, TOPIC, "demo:7", 0)
    assert letter.reason == "unknown type 'thing.unheard_of' on things"
    assert letter.event is not None
    assert b'"e7"' in bytes(letter.event)


async def test_the_command_line(runtime: Runtime, either_log_url: str) -> None:
    await _give_up(runtime, BROKEN[:2])
    command = [sys.executable, "-m", "comeback_kit.dead_letters", "replay", "--service", SERVICE]
    command += ["--log-url", either_log_url]
    dry = subprocess.run([*command, "--dry-run"], cwd=REPO_ROOT, capture_output=True, text=True, check=True)  # noqa: ASYNC221
    assert dry.stdout.endswith("2 found\n")
    done = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, check=True)  # noqa: ASYNC221
    assert done.stdout.endswith("2 put back\n")
    assert "not a CloudEvents document" in done.stdout


def test_a_letter_carries_any_key_and_value() -> None:
    from datetime import UTC, datetime

    from comeback_kit.log import Record

    now = datetime(2026, 11, 24, tzinfo=UTC)
    for value in (b"", b"\x00", b"\xff", b"null", b'"\xed\xa0\x80"', b"[" * 100_000, b'{"a": 1.10, "b": "\\u0000"}'):
        record = Record(TOPIC, 3, 9, b"\xff\x00key", value, {"h": "1"})
        outgoing = dead_letters.letter(SERVICE, record, "why \x00", now)
        letter = msgspec.json.decode(outgoing.value, type=Letter)
        assert letter.original().value == value
        assert (letter.partition, letter.offset, letter.headers) == (3, 9, {"h": "1"})
        assert "\x00" not in outgoing.key + letter.reason
        assert outgoing.topic == DEAD


async def _give_up(runtime: Runtime, entries: Sequence[Entry]) -> None:
    """The entries are read by the service, which gives them all up."""
    await runtime.log.append(list(entries))
    await _run(runtime, NOTES)


async def _run(runtime: Runtime, subscription: Subscription) -> None:
    """The service works until nothing is left, and its dead letters are in the log."""
    consumer, relay = Consumer(runtime, [subscription]), Relay(runtime)
    await relay.start()
    await consumer.start()
    await eventually(lambda: _caught_up(runtime), within=20.0)
    await consumer.stop()
    await relay.stop()


async def _caught_up(runtime: Runtime) -> bool:
    return await behind(runtime) == 0
