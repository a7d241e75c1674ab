"""Connections kept between requests: clean ones only, and never in the way of those who wait."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

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
        async with database.pool("api").acquire() as connection:  # as the health check does
            assert await connection.fetchval("select 1") == 1
        await database.ping()


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
