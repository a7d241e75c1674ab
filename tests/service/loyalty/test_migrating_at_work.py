"""A migration waits for transactions that are under way, and never in a circle with them: nothing of either is lost."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from comeback_kit import migrate
from tests.service.loyalty.world import World

WAITS = """select count(*) from pg_locks l join pg_database d on d.oid = l.database
where d.datname = current_database() and not l.granted"""
# What a transaction locks first, and what it writes afterwards, as in the order of ADR 0016.
MEMBER = "select from members where customer_id = 'c1' for update"
ORDER = "select from orders where order_id = '1' for update"
LINE = "insert into entries select * from entries limit 0"
TRAIL = "insert into audit (shop_id, at, actor, action, target, detail) select 'demo', now(), '', '', '', '{}' limit 0"


@pytest_asyncio.fixture(loop_scope="session")
async def old(shop: World) -> AsyncIterator[World]:
    """The database of a service that is one version back, with somebody in it."""
    await shop.order("1")
    connection = await asyncpg.connect(shop.service.database_url)
    try:
        await connection.execute("update alembic_version set version_num = '0004'")
        await connection.execute("drop index if exists audit_adjusted, jobs_ended, orders_uncounted")
        for table in ("entries", "audit"):
            await connection.execute(f"drop trigger if exists {table}_only_grow on {table}")
        yield shop
    finally:
        await connection.close()
        await migrate.upgrade(shop.service.database_url, "loyalty", "loyalty")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([MEMBER], [LINE]),
        ([MEMBER], [TRAIL, LINE]),
        ([ORDER, MEMBER], ["update orders set settled = settled where order_id = '1'", LINE]),
        (["insert into orders select * from orders limit 0"], [MEMBER, LINE]),
        (["select from jobs for update", "update jobs set done = done"], [MEMBER, LINE, "update jobs set done = done"]),
    ],
    ids=["points", "an adjustment", "an order again", "a new order", "a job"],
)
async def test_a_migration_and_work_never_wait_for_each_other(old: World, first: list[str], then: list[str]) -> None:
    async with old.service.runtime.db.work() as tx:
        for statement in first:
            await tx.execute(statement)
        task = asyncio.create_task(migrate.upgrade(old.service.database_url, "loyalty", "loyalty"))
        async with asyncio.timeout(10):
            while not await tx.fetchval(WAITS):  # noqa: ASYNC110  # PostgreSQL tells nobody
                await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            for statement in then:
                await tx.execute(statement)
    await task
    await old.order("2")
    assert await old.balance() == 200
