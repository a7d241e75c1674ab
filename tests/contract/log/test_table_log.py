"""What only the table log has: retention of its own, dense offsets, leases, few connections."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from comeback_kit.log import Entry, LogUnavailable, TopicPartition, TopicSpec, group_lag
from comeback_kit.log.postgres import PostgresLog
from tests.contract.log.conftest import numbered
from tests.contract.log.reading import by_key, numbers, positions, read
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


@pytest.fixture
async def url(postgres: TestServer) -> AsyncIterator[str]:
    url = await postgres.empty()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def log(url: str) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(url)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def database(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def test_records_past_the_retention_go_and_offsets_go_on(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    week = TopicSpec("short", partitions=1, retention=timedelta(days=7))
    await log.ensure_topics([week, TopicSpec("kept", partitions=1, retention=None)])
    await log.append([*numbered("short", 20), *numbered("kept", 20)])
    await database.execute("update log_records set appended_at = appended_at - interval '8 days'")
    await log.append(numbered("short", 5, start=20))
    await log.sweep()
    member = log.consumer("g", ["short", "kept"])
    await member.start()
    records = await read(member, 25)
    await member.stop()
    assert [r.offset for r in records if r.topic == "short"] == [20, 21, 22, 23, 24]
    assert numbers(r for r in records if r.topic == "kept") == list(range(20))


async def test_a_large_backlog_past_its_retention_goes_page_by_page(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await log.ensure_topics([TopicSpec("short", partitions=1, retention=timedelta(days=7))])
    for _ in range(3):
        await log.append([Entry("short", "k", b"x")] * 4_000)
    await database.execute("update log_records set appended_at = now() - interval '8 days'")
    await log.append(numbered("short", 1))
    await log.sweep()
    assert await database.fetchval("select count(*) from log_records") == 1


async def test_a_member_whose_records_were_all_removed_is_caught_up(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await log.ensure_topics([TopicSpec("short", partitions=1, retention=timedelta(days=7))])
    await log.append(numbered("short", 10))
    await database.execute("update log_records set appended_at = now() - interval '8 days'")
    await log.sweep()
    member = log.consumer("g", ["short"])
    await member.start()
    await eventually(member.assignment)
    assert await member.poll(10, 0.2) == []
    assert member.lags() == {TopicPartition("short", 0): 0}
    await log.append(numbered("short", 1, start=10))
    records = await read(member, 1)
    await member.commit(positions(records))
    assert numbers(records) == [10]
    assert await group_lag(log, "g", ["short"]) == {"short": 0}
    await member.stop()


async def test_a_compacted_topic_keeps_the_newest_record_of_each_key(log: PostgresLog) -> None:
    await log.ensure_topics([TopicSpec("shops", partitions=1, retention=None, compacted=True)])
    await log.append(numbered("shops", 30, keys=3))
    await log.sweep()
    member = log.consumer("g", ["shops"])
    await member.start()
    records = await read(member, 3)
    assert by_key(records) == {b"k0": [27], b"k1": [28], b"k2": [29]}
    await member.commit(positions(records))
    assert await group_lag(log, "g", ["shops"]) == {"shops": 0}
    await member.stop()


async def test_offsets_are_dense_and_in_commit_order_under_concurrent_processes(
    url: str, log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A reader that takes everything up to the end, again and again, while twelve writers append, misses nothing."""
    await log.ensure_topics([TopicSpec("orders")])
    logs = [PostgresLog(url, readers=1) for _ in range(12)]
    await asyncio.gather(*(each.start() for each in logs))

    async def write(each: PostgresLog, writer: int) -> None:
        for step in range(100):
            await each.append([Entry("orders", f"k{writer}-{part}", str(step).encode()) for part in range(3)])

    member = log.consumer("g", ["orders"])
    await member.start()
    writing = asyncio.gather(*(write(each, writer) for writer, each in enumerate(logs)))
    records = await read(member, 12 * 100 * 3, within=60.0)
    await writing
    await member.stop()
    await asyncio.gather(*(each.stop() for each in logs))
    assert all(steps == list(range(100)) for steps in by_key(records).values())
    assert len(by_key(records)) == 36
    gaps = await database.fetchval(
        "select count(*) from log_partitions p"
        " where next_offset <> (select count(*) from log_records r where r.partition_id = p.id)"
    )
    assert gaps == 0


async def test_appends_that_arrive_together_share_transactions(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await log.ensure_topics([TopicSpec("orders")])
    await asyncio.gather(*(log.append([Entry("orders", f"k{number}", b"x")]) for number in range(200)))
    transactions = await database.fetchval("select count(distinct xmin::text) from log_records")
    assert transactions <= 5


async def test_an_instance_holds_at_most_six_connections(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await log.ensure_topics([TopicSpec("orders")])
    members = [log.consumer(f"g{number}", ["orders"]) for number in range(8)]
    for member in members:
        await member.start()
    await log.append(numbered("orders", 100))
    await asyncio.gather(*(read(member, 100) for member in members))
    assert (
        await database.fetchval("select count(*) from pg_stat_activity where application_name like 'comeback-log-%'")
        <= 6
    )
    await asyncio.gather(*(member.stop() for member in members))


async def test_a_lost_session_costs_the_leases_and_is_made_anew(
    log: PostgresLog, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await log.ensure_topics([TopicSpec("orders")])
    await log.append(numbered("orders", 10))
    member = log.consumer("g", ["orders"])
    await member.start()
    await read(member, 10)
    generation = member.generation
    await database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'comeback-log-%'"
    )
    await eventually(lambda: member.generation > generation)
    assert sorted(numbers(await read(member, 10))) == list(range(10))
    await eventually(lambda: _appends(log))
    await member.stop()


async def test_one_instance_has_one_member_of_a_group(log: PostgresLog) -> None:
    member = log.consumer("g", ["orders"])
    with pytest.raises(ValueError, match="has its member"):
        log.consumer("g", ["orders"])
    await member.stop()
    log.consumer("g", ["orders"])


async def test_many_instances_may_start_on_an_empty_database_at_once(url: str) -> None:
    logs = [PostgresLog(url) for _ in range(8)]
    await asyncio.gather(*(each.start() for each in logs))
    made = await asyncio.gather(*(each.ensure_topics([TopicSpec("orders"), TopicSpec("shops", 1)]) for each in logs))
    assert all(made)
    assert len(await logs[0].end_offsets(["orders", "shops"])) == 5
    await asyncio.gather(*(each.stop() for each in logs))


async def test_logins_of_several_services_share_the_tables_through_the_owner(postgres: TestServer, url: str) -> None:
    admin = await asyncpg.connect(url)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f"create role owner_{name} nologin")
    for login in ("one", "two"):
        await admin.execute(f"create role {login}_{name} login in role owner_{name}")
    await admin.execute(f'alter database "{name}" owner to owner_{name}')
    try:
        logs = [PostgresLog(url.replace("postgres@", f"{login}_{name}@")) for login in ("one", "two")]
        for each in logs:
            await each.start()
            assert await each.ensure_topics([TopicSpec("orders")])
            await each.append(numbered("orders", 3))
        assert sum((await logs[0].end_offsets(["orders"])).values()) == 6
        await asyncio.gather(*(each.stop() for each in logs))
    finally:
        await admin.close()
        await postgres.drop(url)
        server = await asyncpg.connect(postgres.url)
        await server.execute(f"drop role one_{name}, two_{name}, owner_{name}")
        await server.close()


async def _appends(log: PostgresLog) -> bool:
    try:
        await log.append(numbered("orders", 1))
    except LogUnavailable:
        return False
    return True
