"""The consumer between crashes, rebalances and outages: every event has its effect exactly once."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from allinone.postgres import EmbeddedPostgres
from comeback_kit import migrate
from comeback_kit.consumer import Consumer, Context, Subscription
from comeback_kit.db import Connection
from comeback_kit.errors import TransientError
from comeback_kit.events import Event
from comeback_kit.log import Entry, open_log
from comeback_kit.log.port import LogUnavailable
from comeback_kit.runtime import Runtime
from tests.service.kit.plumbing import DEAD, NOTES, SERVICE, TOPIC, behind, note, noted, running, thing, tiny_database
from tests.support.postgres import TestServer
from tests.support.scratch import scratch
from tests.support.shared_files import REPO_ROOT
from tests.support.waiting import eventually


@pytest.fixture
async def database_url(postgres: TestServer) -> AsyncIterator[str]:
    url = await tiny_database(postgres)
    yield url
    await postgres.drop(url)


async def test_a_process_killed_between_commit_and_offset_leaves_each_effect_once(
    database_url: str, either_log_url: str
) -> None:
    async with running(database_url, either_log_url) as runtime:
        await runtime.log.append([thing(number) for number in range(120)])
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.service.kit.killed", "consumer", database_url, either_log_url, cwd=REPO_ROOT
        )
        assert await asyncio.wait_for(process.wait(), 40.0) == -signal.SIGKILL
        assert await noted(runtime), "the process died before it did anything"
        assert await behind(runtime) == 120
        consumer = Consumer(runtime, [NOTES])
        await consumer.start()
        await eventually(lambda: _caught_up(runtime), within=30.0)
        await consumer.stop()
        assert await noted(runtime) == list(range(120))
        assert await _dead_letters(runtime) == 0


async def test_members_that_come_and_go_under_load_leave_each_effect_once(
    database_url: str, either_log_url: str
) -> None:
    async with running(database_url, either_log_url) as first, running(database_url, either_log_url) as second:

        async def slowly(tx: Connection, events: Sequence[Event], context: Context) -> None:
            await note(tx, events, context)
            await asyncio.sleep(0.02)

        subscription = Subscription(TOPIC, slowly)
        staying = Consumer(first, [subscription], batch=20)
        await staying.start()

        async def load() -> None:
            for start in range(0, 1500, 30):
                await first.log.append([thing(number) for number in range(start, start + 30)])
                await asyncio.sleep(0.02)

        async def come_and_go() -> None:
            for _ in range(2):
                visiting = Consumer(second, [subscription], batch=20)
                await visiting.start()
                await eventually(lambda member=visiting._log: member.assignment(), within=20.0)  # type: ignore[misc]
                await asyncio.sleep(0.5)
                await visiting.stop()

        await asyncio.gather(load(), come_and_go())
        await eventually(lambda: _caught_up(first), within=40.0)
        await staying.stop()
        assert await noted(first) == list(range(1500))
        assert await _dead_letters(first) == 0


async def test_what_was_polled_ahead_of_a_lost_commit_is_read_again_and_has_its_effect_once(
    database_url: str, either_log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(database_url, either_log_url) as runtime:
        await runtime.log.append([thing(number) for number in range(400)])
        consumer = Consumer(runtime, [NOTES], batch=10)
        commit, poll, failures = consumer._log.commit, consumer._ahead.poll, iter((False, True, False, True))
        polls = []

        def polled(*arguments: Any) -> None:
            polls.append(arguments)
            poll(*arguments)

        async def failing(positions: Any) -> None:
            if next(failures, False):
                raise LogUnavailable("the broker is away")
            await commit(positions)

        monkeypatch.setattr(consumer._log, "commit", failing)
        monkeypatch.setattr(consumer._ahead, "poll", polled)
        await consumer.start()
        await eventually(lambda: _caught_up(runtime), within=30.0)
        await consumer.stop()
        assert polls, "a backlog is polled ahead"
        assert await noted(runtime) == list(range(400))
        assert await _dead_letters(runtime) == 0


async def test_a_stop_in_the_middle_of_a_backlog_loses_and_repeats_nothing(
    database_url: str, either_log_url: str
) -> None:
    async with running(database_url, either_log_url) as runtime:
        await runtime.log.append([thing(number) for number in range(400)])
        for _ in range(2):
            consumer = Consumer(runtime, [NOTES], batch=10)
            await consumer.start()
            await eventually(lambda: _begun(runtime), within=30.0)
            await consumer.stop()
        done, left = len(await noted(runtime)), await behind(runtime)
        assert done + left == 400, "a clean stop commits what had its effect"
        last = Consumer(runtime, [NOTES])
        await last.start()
        await eventually(lambda: _caught_up(runtime), within=30.0)
        await last.stop()
        assert await noted(runtime) == list(range(400))


async def test_a_member_in_endless_retries_gives_partitions_up(database_url: str, either_log_url: str) -> None:
    async def never(tx: Connection, events: Sequence[Event], context: Context) -> None:
        raise TransientError("always")

    async with running(database_url, either_log_url) as first, running(database_url, either_log_url) as second:
        await first.log.append([thing(number) for number in range(200)])
        stuck = Consumer(first, [Subscription(TOPIC, never)])
        await stuck.start()
        await eventually(lambda: len(stuck._log.assignment()) == 4, within=20.0)
        await asyncio.sleep(1.0)
        fresh = Consumer(second, [NOTES])
        await fresh.start()
        start = time.monotonic()
        await eventually(lambda: len(fresh._log.assignment()) == 2, within=20.0)
        assert time.monotonic() - start < 5.0
        await stuck.stop()
        await eventually(lambda: _caught_up(second), within=30.0)
        await fresh.stop()
        assert await noted(second) == list(range(200))


async def test_poison_of_every_kind_moves_the_partition_on(database_url: str, either_log_url: str) -> None:
    poison = [
        Entry(TOPIC, "demo:1", b"{broken"),
        Entry(TOPIC, "demo:1", b"\xff\xfe\x00"),
        Entry(TOPIC, "demo:1", b""),
        Entry(TOPIC, "demo:1", b"[" * 100_000 + b"]" * 100_000),
        Entry(TOPIC, "demo:1", b'{"id": "' + b"x" * 2_000_000 + b'"}'),
        thing(901, kind="thing.unheard_of"),
        thing(902, data={"bad": True}),
        Entry(TOPIC, "demo:1", thing(903).value.replace(b'"e903"', b'"e\\u0000"')),
        Entry(TOPIC, "demo:1", thing(904).value.replace(b'"demo"', b'""')),
        Entry(TOPIC, "demo:1", thing(905).value.replace(b'"e905"', b'"' + b"e" * 4000 + b'"')),
    ]
    async with running(database_url, either_log_url) as runtime:
        await runtime.log.append(
            [*(thing(number) for number in range(20)), *poison, *(thing(number) for number in range(20, 40))]
        )
        consumer = Consumer(runtime, [NOTES])
        await consumer.start()
        await eventually(lambda: _caught_up(runtime), within=30.0)
        await consumer.stop()
        assert await noted(runtime) == list(range(40))
        assert await _dead_letters(runtime) == len(poison)


async def test_a_turn_that_fails_in_no_foreseen_way_is_done_again(database_url: str, postgres: TestServer) -> None:
    async with running(database_url, await postgres.empty()) as runtime:
        await runtime.log.append([thing(number) for number in range(50)])
        consumer = Consumer(runtime, [NOTES])
        commit: Any = consumer._log.commit
        failures = iter([KeyError("a bug"), ZeroDivisionError()])

        async def buggy(positions: Any) -> None:
            for failure in failures:
                raise failure
            await commit(positions)

        consumer._log.commit = buggy  # type: ignore[method-assign]  # a bug to come
        await consumer.start()
        await eventually(lambda: _caught_up(runtime), within=20.0)
        assert consumer.healthy
        await consumer.stop()
        assert await noted(runtime) == list(range(50))


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    with scratch("consumer") as folder:
        server = EmbeddedPostgres(folder / "pg")
        yield server
        server.stop()


async def test_a_database_that_goes_and_comes_back_costs_nothing_but_time(
    own_server: EmbeddedPostgres, postgres: TestServer
) -> None:
    url = await migrate.prepare(await asyncio.to_thread(own_server.start), "tiny", SERVICE)
    await migrate.upgrade(url, SERVICE, "tests.support.tiny")
    async with running(url, await postgres.empty()) as runtime:
        consumer = Consumer(runtime, [NOTES], batch=20)
        await consumer.start()
        for how in (own_server.stop, own_server.kill):
            done = len(await noted(runtime))
            loading = asyncio.create_task(_load(runtime, done, 400))
            await eventually(lambda past=done + 40: _noted_more(runtime, past))  # type: ignore[misc]
            await asyncio.to_thread(how)
            await asyncio.sleep(1.0)
            assert consumer.healthy
            await asyncio.to_thread(own_server.start)
            await loading
            await eventually(lambda: _caught_up(runtime), within=30.0)
        await consumer.stop()
        assert await noted(runtime) == list(range(800))
        assert await _dead_letters(runtime) == 0


@pytest.mark.kafka
async def test_stopping_ends_in_time_with_the_broker_away(database_url: str) -> None:
    from tests.support.kafka import running_broker

    with running_broker() as broker:
        log = open_log(broker.url)
        await log.start()
        async with running(database_url, log) as runtime:
            await log.append([thing(number) for number in range(50)])
            consumer = Consumer(runtime, [NOTES])
            await consumer.start()
            await eventually(lambda: _caught_up(runtime), within=20.0)
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(0.5)
            start = time.monotonic()
            await consumer.stop(4.0)
            await log.stop(2.0)
            assert time.monotonic() - start < 8.0
            assert await noted(runtime) == list(range(50))


async def _load(runtime: Runtime, start: int, count: int) -> None:
    for number in range(start, start + count, 10):
        await runtime.log.append([thing(each) for each in range(number, number + 10)])
        await asyncio.sleep(0.01)


async def _noted_more(runtime: Runtime, than: int) -> bool:
    return len(await noted(runtime)) > than


async def _caught_up(runtime: Runtime) -> bool:
    return await behind(runtime) == 0


async def _begun(runtime: Runtime) -> bool:
    return bool(await noted(runtime))


async def _dead_letters(runtime: Runtime) -> int:
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select count(*) from outbox where topic = $1", DEAD))
