"""Shops, then orders, then members, each in order: whoever waits holds nothing that the other one needs next.

Every test stops one transaction in the middle and lets it go on when another waits for it. Nobody is tried again.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg
import pytest

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from loyalty import members
from tests.service.loyalty.world import HANDLERS, World, event, instant


def merging(shop: World, source: str, target: str) -> Any:
    return event("customer.merged", {"from": source, "into": target, "at": instant(shop.now)}, at=shop.now)


async def waiting(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Start something and see that it waits."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, done
    return task


async def lock(shop: World, tx: Connection, *names: str) -> None:
    """Lock members who must be free: long before PostgreSQL looks for a deadlock."""
    keys = [("demo", name) for name in names]
    await asyncio.wait_for(members.lock(tx, keys, shop.now, create=False), 0.5)


@pytest.mark.parametrize("create", [True, False])
async def test_who_was_merged_is_locked_in_the_place_of_the_account(shop: World, create: bool) -> None:
    for name in ("a", "c", "z"):
        await shop.adjust(5, name)
    await shop.take(merging(shop, "z", "a"))

    async def others() -> None:
        async with shop.service.runtime.db.work() as tx:
            books = await members.lock(tx, [("demo", "c"), ("demo", "z")], shop.now, create=create)
            assert [book.customer_id for _, book in sorted(books.items())] == ["a", "c", "a"]

    async with shop.service.runtime.db.work() as tx:
        await lock(shop, tx, "a")
        task = await waiting(others())
        await lock(shop, tx, "c")
    await task


@pytest.mark.parametrize("create", [True, False])
async def test_who_is_merged_while_one_waits_is_asked_for_again(shop: World, create: bool) -> None:
    """To wait for the account now would be out of order."""
    runtime = shop.service.runtime
    for name in ("a", "z"):
        await shop.adjust(5, name)

    async def other() -> None:
        async with runtime.db.work() as tx:
            await members.lock(tx, [("demo", "z")], shop.now, create=create)

    async with runtime.db.work() as tx:
        await HANDLERS["customers"](tx, [merging(shop, "z", "a")], Context(shop.now, runtime))
        task = await waiting(other())
    with pytest.raises(asyncpg.SerializationError, match="merged"):
        await task
    await other()


async def test_a_call_about_somebody_who_is_merged_meanwhile_is_about_the_account(shop: World) -> None:
    runtime = shop.service.runtime
    for name in ("a", "z"):
        await shop.adjust(50, name)
    held = await shop.pay(20, "x", "z")
    async with runtime.db.work() as tx:
        await HANDLERS["customers"](tx, [merging(shop, "z", "a")], Context(shop.now, runtime))
        given = await waiting(shop.adjust(5, "z"))
        ended = await waiting(shop.post(f"redemptions/{held['redemption_id']}/cancel", {}))
        spent = await waiting(shop.pay(30, "y", "z"))
    await asyncio.gather(given, ended, spent)
    assert await shop.numbers("a") == (75, 0, 30, 0)


async def test_a_call_about_a_merged_id_waits_for_the_account_alone(shop: World) -> None:
    """Not with a lock on the old id, which the account's own merge rewrites."""
    for name in ("a", "z"):
        await shop.adjust(50, name)
    await shop.take(merging(shop, "z", "m"))
    async with shop.service.runtime.db.work() as tx:
        await lock(shop, tx, "m")
        call = await waiting(shop.adjust(5, "z"))
        statement = "select from members where shop_id = 'demo' and customer_id = 'z' for update nowait"
        assert await tx.fetchrow(statement) is not None
        await HANDLERS["customers"](tx, [merging(shop, "m", "a")], Context(shop.now, shop.service.runtime))
    await call
    assert await shop.balance("a") == 105
