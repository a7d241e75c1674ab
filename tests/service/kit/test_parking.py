"""Connections kept between requests: clean ones only, and never in the way of those who wait."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest

from comeback_kit import parking
from comeback_kit.db import Database, scoped
from tests.support.postgres import TestServer

ME = "select pg_backend_pid()"
PID = scoped("select pg_backend_pid() as pid where scope.shop_id is not null")


@pytest.fixture
async def database(postgres: TestServer) -> AsyncIterator[Database]:
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny", api_pool=2)
    await database.open()
    yield database
    async with asyncio.timeout(1):  # kept connections must not hold the pool open
        await database.close()


async def pid(database: Database) -> int:
    row = await database.row(PID, "a")
    assert row is not None
    found: int = row["pid"]
    return found


async def test_the_next_request_gets_the_same_connection(database: Database) -> None:
    first = await pid(database)
    assert [await pid(database) for _ in range(5)] == [first] * 5
    async with database.request("a") as tx:
        assert await tx.fetchval(ME) == first


async def test_the_shop_of_one_request_is_not_that_of_the_next(database: Database) -> None:
    async with database.request("a") as tx:
        await tx.execute("insert into notes values ('a', 'n', 't', now())")
    async with database.request("b") as tx:
        assert await tx.fetchval("select count(*) from notes") == 0
        assert await tx.fetchval("select current_setting('app.shop_id')") == "b"


async def test_more_at_once_than_connections_all_have_their_turn(database: Database) -> None:
    async def slow(number: int) -> int:
        async with database.request("a") as tx:
            await tx.fetchval("select pg_sleep(0.005)")
            return number

    async with asyncio.timeout(8):
        assert await asyncio.gather(*(slow(number) for number in range(60))) == list(range(60))
        async with database.pool("api").acquire() as connection:  # one is left to the pool
            assert await connection.fetchval("select 1") == 1
        await database.ping()


async def test_whoever_waits_is_served_in_turn_while_others_keep_coming(database: Database) -> None:
    order: list[int] = []

    async def ask(number: int) -> None:
        async with database.request("a") as tx:
            order.append(number)
            await tx.fetchval("select pg_sleep(0.002)")

    async def keep_asking(first: int) -> None:
        for number in range(first, first + 20):
            await ask(number)

    busy = [asyncio.create_task(keep_asking(1000 * (one + 1))) for one in range(4)]
    await asyncio.sleep(0.01)
    await database.ping()  # the health check, too, although there is always somebody who waits
    assert not all(one.done() for one in busy)
    await asyncio.gather(*busy)
    assert len(order) == len(set(order)) == 80
    places = [[order.index(1000 * (one + 1) + step) for one in range(4)] for step in range(20)]
    assert all(max(before) < max(after) for before, after in itertools.pairwise(places))


async def test_no_connection_is_lost_however_waiting_ends(database: Database) -> None:
    for delay in [0.0, 0.0005, 0.001, 0.002, 0.003, 0.004] * 5:

        async def ask() -> None:
            async with database.request("a") as tx:
                await tx.fetchval("select pg_sleep(0.001)")

        tasks = [asyncio.create_task(ask()) for _ in range(8)]
        await asyncio.sleep(delay)
        for task in tasks[::2]:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(one is None or isinstance(one, asyncio.CancelledError) for one in ended)
    async with asyncio.timeout(5):
        async with database.lease() as one, database.lease() as another:
            assert await one.fetchval(ME) != await another.fetchval(ME)


async def test_who_waits_too_long_is_told_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "_PATIENCE", 0.05)
    async with database.lease(), database.lease():
        with pytest.raises(TimeoutError, match="no connection"):
            await pid(database)
    assert await pid(database)


async def test_a_cancel_in_the_moment_in_which_patience_ends_is_a_cancel(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever stops a request takes it for one that has ended by itself."""
    tasks: list[asyncio.Task[int]] = []
    give_up = parking._give_up

    def both(waiter: "asyncio.Future[object]") -> None:
        give_up(waiter)
        tasks[0].cancel()

    monkeypatch.setattr(parking, "_PATIENCE", 0.05)
    monkeypatch.setattr(parking, "_give_up", both)
    async with database.lease(), database.lease():
        tasks.append(asyncio.create_task(pid(database)))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
    assert await pid(database)


async def test_who_waits_for_a_connection_that_breaks_gets_another(database: Database, postgres: TestServer) -> None:
    async with database.lease() as kept:
        async with database.lease() as broken:
            waiting = asyncio.create_task(pid(database))
            await asyncio.sleep(0.02)
            admin = await asyncpg.connect(postgres.url)
            try:
                gone = await broken.fetchval(ME)
                assert await admin.fetchval("select pg_terminate_backend($1)", gone)
                await asyncio.sleep(0.2)
            finally:
                await admin.close()
        async with asyncio.timeout(5):
            assert await waiting not in (gone, await kept.fetchval(ME))


async def test_a_connection_whose_call_was_cancelled_gives_nobody_its_answer(database: Database) -> None:
    async def asking() -> None:
        async with database.request("a") as tx:
            await tx.fetchval("select pg_sleep(5)")

    task = asyncio.create_task(asking())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for number in range(10):
        async with database.request("a") as tx:
            assert await tx.fetchval("select $1::int", number) == number


async def test_a_connection_that_the_server_ended_is_replaced(database: Database, postgres: TestServer) -> None:
    first = await pid(database)
    admin = await asyncpg.connect(postgres.url)
    try:
        assert await admin.fetchval("select pg_terminate_backend($1)", first)
        await asyncio.sleep(0.2)
    finally:
        await admin.close()
    assert await pid(database) != first


async def test_a_failed_statement_leaves_no_transaction_behind(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.request("a") as tx:
            await tx.execute("select * from nothing")
    with pytest.raises(asyncpg.UndefinedTableError):
        await database.row(scoped("select * from nothing where shop_id = scope.shop_id"), "a")
    assert await pid(database)
