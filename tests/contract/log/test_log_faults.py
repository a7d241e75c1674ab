"""What both adapters promise when their server stops, dies, or is not there at the start."""

import asyncio
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import asyncpg
import pytest

from allinone.postgres import EmbeddedPostgres
from comeback_kit.db import with_database
from comeback_kit.log import (
    CommitFailed,
    Entry,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Record,
    TopicSpec,
    group_lag,
    open_log,
)
from tests.contract.log.conftest import numbered
from tests.contract.log.reading import by_key, numbers, positions, read
from tests.support.kafka import KafkaBroker, running_broker
from tests.support.scratch import scratch
from tests.support.shared_files import REPO_ROOT
from tests.support.waiting import eventually

# aiokafka leaves a socket to the garbage collector when its broker goes away while it connects.
pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


class Server(Protocol):
    """The server behind a log, to be maltreated."""

    def start(self) -> object: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server with its usual durability."""
    with scratch("fault") as folder:
        server = EmbeddedPostgres(folder / "pg")
        url = server.start()
        yield server, url
        server.stop()


@pytest.fixture(scope="module")
def own_broker() -> Iterator[KafkaBroker]:
    with running_broker() as broker:
        yield broker


@pytest.fixture(params=["table", pytest.param("kafka", marks=pytest.mark.kafka)])
async def server_and_url(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Server, str]]:
    name = f"f{uuid.uuid4().hex[:8]}"
    server: Server
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("own_broker")
        server, url = broker, broker.url_for(name)
    else:
        server, admin = request.getfixturevalue("own_postgres")
        connection = await asyncpg.connect(admin)
        await connection.execute(f"create database {name}")
        await connection.close()
        url = with_database(admin, name)
    yield server, url
    await asyncio.to_thread(server.start)


@pytest.fixture
async def server(server_and_url: tuple[Server, str]) -> Server:
    return server_and_url[0]


@pytest.fixture
async def log(server_and_url: tuple[Server, str]) -> AsyncIterator[EventLog]:
    log = open_log(server_and_url[1])
    await log.start()
    assert await log.ensure_topics([TopicSpec("orders"), TopicSpec("single", partitions=1)], timeout=30.0)
    yield log
    await log.stop()


async def test_an_append_without_a_server_is_refused_in_time_and_never_kept(log: EventLog, server: Server) -> None:
    await log.append(numbered("orders", 10))
    await asyncio.to_thread(server.stop)

    async def refused(number: int) -> float:
        start = time.monotonic()
        with pytest.raises(LogUnavailable):
            await log.append(numbered("orders", number, start=1000))
        return time.monotonic() - start

    waits = await asyncio.gather(*(refused(number) for number in (1, 5, 50)))
    assert max(waits) < 6.0
    await asyncio.to_thread(server.start)
    await _append_when_back(log, numbered("orders", 10, start=10))
    member = log.consumer("g", ["orders"])
    await member.start()
    records = await read(member, 20, within=30.0)
    await asyncio.sleep(1.0)  # time for what was refused to come after all
    records += await member.poll(100, 0.2)
    await member.stop()
    assert sorted(numbers(records)) == list(range(20))


async def test_a_member_goes_on_after_the_server_was_away(log: EventLog, server: Server) -> None:
    await log.append(numbered("orders", 100))
    member = log.consumer("g", ["orders"])
    await member.start()
    first = await read(member, 100)
    await member.commit(positions(first))
    await asyncio.to_thread(server.stop)
    start = time.monotonic()
    assert await member.poll(100, 0.5) == []
    with pytest.raises((LogUnavailable, CommitFailed)):
        await member.commit(positions(first))
    assert time.monotonic() - start < 10.0
    await asyncio.to_thread(server.start)
    await _append_when_back(log, numbered("orders", 50, start=100))
    second = await read(member, 50, within=40.0)
    assert sorted(numbers(second)) == list(range(100, 150))
    await eventually(lambda: _commits(member, second), within=20.0)
    assert await group_lag(log, "g", ["orders"]) == {"orders": 0}
    await member.stop()


async def test_a_crash_under_load_loses_nothing_that_was_acknowledged(log: EventLog, server: Server) -> None:
    acknowledged: dict[bytes, list[int]] = {f"k{number}".encode(): [] for number in range(8)}
    done = asyncio.Event()

    async def writer(number: int) -> None:
        step = 0
        while not done.is_set():
            try:
                await log.append([Entry("orders", f"k{number}", str(step).encode())])
            except LogUnavailable:
                await asyncio.sleep(0.05)
                continue  # the same step again: whether it was kept is unknown
            acknowledged[f"k{number}".encode()].append(step)
            step += 1

    writers = [asyncio.create_task(writer(number)) for number in range(8)]
    member = log.consumer("g", ["orders"])
    await member.start()
    seen = await read(member, 200)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.start)
    before = sum(map(len, acknowledged.values()))
    await eventually(lambda: sum(map(len, acknowledged.values())) > before + 200, within=40.0)
    done.set()
    await asyncio.gather(*writers)
    await member.rewind()
    total = sum((await log.end_offsets(["orders"])).values())
    seen = await read(member, total, within=40.0)
    await member.stop()
    for key, steps in by_key(seen).items():
        first_seen = list(dict.fromkeys(steps))
        assert first_seen == sorted(first_seen), "a key came out of order"
        assert set(first_seen) >= set(acknowledged[key]), "an acknowledged entry is lost"


async def test_a_log_starts_without_its_server_and_makes_its_topics_later(server_and_url: tuple[Server, str]) -> None:
    server, url = server_and_url
    await asyncio.to_thread(server.stop)
    log = open_log(url)
    start = time.monotonic()
    await log.start()
    assert not await log.ensure_topics([TopicSpec("late", partitions=2)], timeout=0.3)
    member = log.consumer("g", ["late"])
    await member.start()
    assert await member.poll(10, 0.2) == []
    with pytest.raises(LogUnavailable):
        await log.ping()
    with pytest.raises(LogUnavailable):
        await log.end_offsets(["late"])
    assert time.monotonic() - start < 20.0
    await asyncio.to_thread(server.start)
    await _append_when_back(log, numbered("late", 10))
    assert sorted(numbers(await read(member, 10, within=40.0))) == list(range(10))
    await log.ping()
    await member.stop()
    await log.stop()


async def test_stopping_without_a_server_ends_in_time(server_and_url: tuple[Server, str]) -> None:
    server, url = server_and_url
    log = open_log(url)
    await log.start()
    assert await log.ensure_topics([TopicSpec("orders")], timeout=30.0)
    await log.append(numbered("orders", 10))
    member = log.consumer("g", ["orders"])
    await member.start()
    await read(member, 10)
    await asyncio.to_thread(server.stop)
    appending = asyncio.create_task(log.append(numbered("orders", 10)))
    await asyncio.sleep(0.2)
    start = time.monotonic()
    await member.stop(timeout=2.0)
    await log.stop(timeout=2.0)
    assert time.monotonic() - start < 7.0
    with pytest.raises(LogUnavailable):
        await appending


async def test_the_partitions_of_a_killed_process_go_to_the_others(server_and_url: tuple[Server, str]) -> None:
    _, url = server_and_url
    log = open_log(url)
    await log.start()
    assert await log.ensure_topics([TopicSpec("orders")], timeout=30.0)
    member = log.consumer("g", ["orders"])
    await member.start()
    await eventually(lambda: len(member.assignment()) == 4, within=20.0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.log.member", url, "g", "orders", cwd=REPO_ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30.0) == b"assigned 2\n"
    assert len(member.assignment()) == 2
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await eventually(lambda: len(member.assignment()) == 4, within=20.0)
    await member.stop()
    await log.stop()


@pytest.mark.kafka
async def test_an_append_to_a_frozen_broker_is_refused_in_time(own_broker: KafkaBroker) -> None:
    log = open_log(own_broker.url_for(f"f{uuid.uuid4().hex[:8]}"))
    await log.start()
    assert await log.ensure_topics([TopicSpec("single", partitions=1)], timeout=30.0)
    await log.append(numbered("single", 1))
    own_broker.freeze()
    try:
        start = time.monotonic()
        with pytest.raises(LogUnavailable):
            await log.append(numbered("single", 1, start=1))
        assert time.monotonic() - start < 6.0
    finally:
        own_broker.thaw()
    await _append_when_back(log, numbered("single", 1, start=2))
    await log.stop()


async def _append_when_back(log: EventLog, entries: list[Entry]) -> None:
    async def attempt() -> bool:
        try:
            await log.append(entries)
        except LogUnavailable:
            return False
        return True

    await eventually(attempt, within=40.0)


async def _commits(member: LogConsumer, records: list[Record]) -> bool:
    try:
        await member.commit(positions(records))
    except (LogUnavailable, CommitFailed):
        return False
    return True
