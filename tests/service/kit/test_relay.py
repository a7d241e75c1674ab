"""The outbox relay on real PostgreSQL: nothing lost, every key in order, whatever dies in between."""

import asyncio
import functools
import itertools
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from comeback_kit import outbox
from comeback_kit import relay as relay_module
from comeback_kit.events import OutgoingEvent
from comeback_kit.failures import Kind, kind_of
from comeback_kit.log import Entry, LogUnavailable, Record
from comeback_kit.log.port import MAX_ENTRY_BYTES
from comeback_kit.log.postgres import PostgresLog
from comeback_kit.outbox import Relay
from comeback_kit.runtime import Runtime
from tests.service.kit.plumbing import OUT, read_to_end, running, tiny_database
from tests.support.postgres import TestServer
from tests.support.shared_files import REPO_ROOT
from tests.support.waiting import eventually


@pytest.fixture
async def database_url(postgres: TestServer) -> AsyncIterator[str]:
    url = await tiny_database(postgres)
    yield url
    await postgres.drop(url)


@pytest.fixture
async def log_url(postgres: TestServer) -> AsyncIterator[str]:
    url = await postgres.empty()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def runtime(database_url: str, log_url: str) -> AsyncIterator[Runtime]:
    async with running(database_url, log_url, worker_pool=20) as runtime:
        yield runtime


@pytest.mark.parametrize("trails", [relay_module.FLOOR_TRAILS_SECONDS, 0.0], ids=["usual-floor", "eager-floor"])
async def test_slow_locking_writers_lose_nothing_and_every_key_keeps_its_order(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, trails: float
) -> None:
    """Writers as ours are: an inbox row first (so the transaction's number is old), a lock, then the outbox row.

    With a floor that does not trail, only the running transactions keep it down: they alone must suffice.
    """
    monkeypatch.setattr(relay_module, "FLOOR_TRAILS_SECONDS", trails)
    monkeypatch.setattr(relay_module, "FLOOR_NOTE_SECONDS", 1.0 if trails else 0.0)
    draw = random.Random(7)
    steps: dict[int, itertools.count[int]] = defaultdict(itertools.count)
    written = 0
    relay = Relay(runtime)
    await relay.start()

    async def write(writer: int) -> None:
        nonlocal written
        for turn in range(40):
            member = draw.randrange(6)
            async with runtime.db.work() as tx:
                await tx.execute("insert into inbox values ('demo', 'test', $1)", f"{writer}-{turn}")
                await asyncio.sleep(draw.random() * 0.02)
                await tx.execute("select pg_advisory_xact_lock(77, $1)", member)
                step = next(steps[member])
                await outbox.add(tx, [OutgoingEvent(OUT, f"demo:{member}", f"{step}/{part}".encode()) for part in "ab"])
                await asyncio.sleep(draw.random() * 0.02)
            written += 2
            runtime.wake_relay()

    old_snapshot = await asyncpg.connect(runtime.settings.database_url)
    async with old_snapshot.transaction(isolation="repeatable_read"):
        await old_snapshot.execute("select 1")
        await asyncio.gather(*(write(writer) for writer in range(12)))
        await eventually(lambda: _empty(runtime))
    await old_snapshot.close()
    await relay.stop()
    assert (relay._floor.value > 0) == (trails == 0.0)
    records = await read_to_end(runtime.log, OUT)
    assert len(records) == written == 960
    for key, values in _by_key(records).items():
        count = len(values) // 2
        assert values == [f"{step}/{part}" for step in range(count) for part in "ab"], key


async def test_a_relay_killed_between_append_and_delete_only_repeats(
    runtime: Runtime, database_url: str, log_url: str
) -> None:
    events = [OutgoingEvent(OUT, f"demo:{number % 5}", str(number).encode(), {"n": "1"}) for number in range(100)]
    async with runtime.db.work() as tx:
        await outbox.add(tx, events)
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.service.kit.killed", "relay", database_url, log_url, cwd=REPO_ROOT
        )
        assert await asyncio.wait_for(process.wait(), 40.0) == -signal.SIGKILL
    assert await outbox.pending(runtime) > 0, "the process died too late"
    relay = Relay(runtime)
    await relay.start()
    await eventually(lambda: _empty(runtime))
    await relay.stop()
    records = await read_to_end(runtime.log, OUT)
    assert len(records) > 100
    for key, values in _by_key(records).items():
        first_seen = list(dict.fromkeys(values))
        assert first_seen == [str(number) for number in range(100) if f"demo:{number % 5}" == key]
    assert all(record.headers == {"n": "1"} for record in records)


async def test_relays_share_the_shards_and_take_over_from_each_other(
    runtime: Runtime, database_url: str, log_url: str
) -> None:
    async with running(database_url, log_url) as other:
        first, second = Relay(runtime), Relay(other)
        await first.start()
        await second.start()
        await _publish_until_all(runtime, 200)
        await second.stop()
        await _publish_until_all(runtime, 200, start=200)
        await first.stop()
    records = await read_to_end(runtime.log, OUT)
    assert len(records) == 400
    for values in _by_key(records).values():
        assert values == sorted(values, key=int)


async def test_a_relay_goes_on_after_its_connection_was_lost(runtime: Runtime) -> None:
    relay = Relay(runtime)
    await relay.start()
    await _publish_until_all(runtime, 20)
    admin = await asyncpg.connect(runtime.settings.database_url)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'comeback-tiny-worker' and pid <> pg_backend_pid()"
    )
    await admin.close()
    await _publish_until_all(runtime, 20, start=20)
    await relay.stop()
    assert len(await read_to_end(runtime.log, OUT)) == 40


async def test_a_log_that_is_away_holds_everything_up_and_nothing_is_lost(database_url: str, log_url: str) -> None:
    log = _Flaky(log_url)
    await log.start()
    async with running(database_url, log) as runtime:
        relay = Relay(runtime)
        await relay.start()
        log.failing = True
        async with runtime.db.work() as tx:
            await outbox.add(tx, [OutgoingEvent(OUT, "demo:1", str(number).encode()) for number in range(50)])
        runtime.wake_relay()
        await eventually(lambda: log.refusals >= 3)
        assert await outbox.pending(runtime) == 50
        log.failing = False
        await eventually(lambda: _empty(runtime))
        await relay.stop()
        assert [record.value for record in await read_to_end(log, OUT)] == [str(n).encode() for n in range(50)]
    await log.stop()


async def test_an_event_that_the_log_never_takes_is_set_aside_and_the_rest_goes(runtime: Runtime) -> None:
    relay = Relay(runtime)
    await relay.start()
    events = [OutgoingEvent(OUT, "demo:1", str(number).encode()) for number in range(5)]
    events.insert(2, OutgoingEvent(OUT, "demo:1", bytes(MAX_ENTRY_BYTES + 1), {"h": "1"}))
    async with runtime.db.work() as tx:
        await outbox.add(tx, events)
    runtime.wake_relay()
    await eventually(lambda: _empty(runtime))
    await relay.stop()
    assert [record.value for record in await read_to_end(runtime.log, OUT)] == [b"0", b"1", b"2", b"3", b"4"]
    async with runtime.db.work() as tx:
        row = await tx.fetchrow("select topic, key, octet_length(value) as size, headers, reason from outbox_refused")
    assert row is not None
    assert (row["topic"], row["key"], row["size"], row["headers"]) == (OUT, "demo:1", MAX_ENTRY_BYTES + 1, {"h": "1"})
    assert "too large" in row["reason"]


async def test_stopping_makes_a_last_pass(runtime: Runtime) -> None:
    relay = Relay(runtime)
    await relay.start()
    await _publish_until_all(runtime, 1)
    async with runtime.db.work() as tx:
        await outbox.add(tx, [OutgoingEvent(OUT, "demo:1", b"last") for _ in range(1500)])
    await relay.stop()  # nobody woke it
    assert await outbox.pending(runtime) == 0


async def test_a_rolled_back_transaction_publishes_nothing(runtime: Runtime) -> None:
    relay = Relay(runtime)
    await relay.start()

    async def fails() -> None:
        async with runtime.db.work() as tx:
            await outbox.add(tx, [OutgoingEvent(OUT, "demo:1", b"never")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    await _publish_until_all(runtime, 3)
    await relay.stop()
    assert len(await read_to_end(runtime.log, OUT)) == 3


async def test_an_event_leaves_soon_after_its_commit_without_a_wake_up(runtime: Runtime) -> None:
    """As when another process wrote it: the relay looks by itself."""
    relay = Relay(runtime)
    await relay.start()
    await _publish_until_all(runtime, 1)
    async with runtime.db.work() as tx:
        await outbox.add(tx, [OutgoingEvent(OUT, "demo:1", b"x")])
    await eventually(lambda: _empty(runtime), within=1.0)
    await relay.stop()
    assert [record.value for record in await read_to_end(runtime.log, OUT)].count(b"x") == 1


class _Flaky(PostgresLog):
    """A log that can be away."""

    failing = False
    refusals = 0

    async def append(self, entries: Sequence[Entry], *, first: Sequence[Entry] = ()) -> None:
        if self.failing:
            self.refusals += 1
            raise LogUnavailable("away")
        await super().append(entries, first=first)


async def _publish_until_all(runtime: Runtime, count: int, *, start: int = 0) -> None:
    for number in range(start, start + count, 10):
        events = [OutgoingEvent(OUT, f"demo:{each % 7}", str(each).encode()) for each in range(number, number + 10)]
        chosen = events[: start + count - number]
        await eventually(functools.partial(_added, runtime, chosen))
        runtime.wake_relay()
    await eventually(lambda: _empty(runtime), within=20.0)


async def _added(runtime: Runtime, events: Sequence[OutgoingEvent]) -> bool:
    """False when the pool's connection was one that the server had just ended: the transaction never began."""
    try:
        async with runtime.db.work() as tx:
            await outbox.add(tx, events)
    except Exception as error:
        if kind_of(error) is Kind.TRANSIENT:
            return False
        raise
    return True


async def _empty(runtime: Runtime) -> bool:
    return await outbox.pending(runtime) == 0


def _by_key(records: Sequence[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record.key.decode()].append(record.value.decode())
    return found
