"""Locking a member and reading their lots in one statement: what it waited for must be in what it answers."""

import asyncio
from typing import Any

import asyncpg

from loyalty import till
from tests.service.loyalty.world import World
from tests.support.waiting import eventually

_WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


async def waited(shop: World, before: str) -> Any:
    """Lock ``c1`` while another transaction that ran ``before`` holds the row, and commits once we wait for it."""
    db = shop.service.runtime.db

    async def lock() -> Any:
        async with db.request("demo") as tx:
            found = await till.lock_member(tx, "demo", "c1")
            assert found is not None
            at_once = dict(found.book.lots)
            await till.read_lots(tx, found.book)
            return at_once, found.book

    async with db.request("demo") as other:
        await other.execute("select 1 from members where customer_id = 'c1' for update")
        await other.execute(before)
        ours = asyncio.create_task(lock())
        await eventually(lambda: _waiting(shop))
    return await ours


async def _waiting(shop: World) -> bool:
    connection = await asyncpg.connect(shop.service.database_url)  # a superuser: others see no waits but their own
    try:
        return bool(await connection.fetchval(_WAITING))
    finally:
        await connection.close()


async def test_nobody_in_the_way_the_lots_come_with_the_lock(shop: World) -> None:
    await shop.adjust(100)
    async with shop.service.runtime.db.request("demo") as tx:
        found = await till.lock_member(tx, "demo", "c1")
        assert found is not None
        assert [lot.remaining for lot in found.book.lots.values()] == [100]
        assert found.book.all_open


async def test_a_wait_for_one_who_changed_the_member_reads_the_lots_anew(shop: World) -> None:
    await shop.adjust(100)
    spend = """update members set balance = balance - 30; update lots set remaining = remaining - 30"""
    at_once, book = await waited(shop, spend)
    assert at_once == {}
    assert (book.balance, [lot.remaining for lot in book.lots.values()]) == (70, [70])
    await _undo(shop, "update members set balance = balance + 30; update lots set remaining = remaining + 30")


async def test_a_wait_for_one_who_changed_nothing_keeps_what_was_read(shop: World) -> None:
    await shop.adjust(100)
    at_once, book = await waited(shop, "select 1")
    assert list(at_once) == list(book.lots)
    assert (book.balance, [lot.remaining for lot in book.lots.values()]) == (100, [100])


async def test_a_confirm_that_waited_sees_the_redemption_as_it_is_then(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(40, "o1")
    calls = [shop.client.post(f"/v1/loyalty/redemptions/{held['redemption_id']}/confirm") for _ in range(8)]
    calls += [shop.client.post(f"/v1/loyalty/redemptions/{held['redemption_id']}/cancel") for _ in range(8)]
    answers = sorted([answer.status_code for answer in await asyncio.gather(*calls)])
    assert answers == [200, *[409] * 15]


async def test_a_free_reward_with_a_limit_is_taken_that_often(shop: World) -> None:
    reward = {"reward_id": "free", "kind": "free_shipping", "name": "Free", "points": 0, "limit_per_member": 2}
    await shop.post("rewards", reward)
    await shop.adjust(1)
    path = "/v1/loyalty/members/c1/redemptions"
    answers = await asyncio.gather(*(shop.client.post(path, json={"reward_id": "free"}) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, *[409] * 10]


async def test_a_program_that_changed_is_the_one_that_a_hold_goes_by(shop: World) -> None:
    await shop.adjust(1000)
    await shop.pay(100, "o1")  # this process keeps the shop now
    body = {"redemption": {"points": 1, "value": 5}}
    assert (await shop.client.put("/v1/loyalty/program", json=body)).status_code in (200, 201)
    assert (await shop.pay(100, "o2"))["value"] == 500


async def _undo(shop: World, statement: str) -> None:
    async with shop.service.runtime.db.work() as tx:
        await tx.execute(statement)
