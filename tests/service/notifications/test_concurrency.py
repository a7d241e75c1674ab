"""Handlers that run at the same moment: every message is made once, and none waits for what is already here."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from comeback_kit.consumer import Context
from comeback_kit.log.port import Entry
from notifications.customers import take_customers
from notifications.orders import take_orders
from notifications.points import take_points
from tests.service.notifications.world import World, ago, customer, entry, event_of, instant, order, points
from tests.support.waiting import eventually

Handler = Callable[..., Awaitable[None]]


async def handle(world: World, handler: Handler, entries: Sequence[Entry], *, delay: float = 0.0) -> None:
    """Run a handler in a transaction of its own, as another consumer would."""
    await asyncio.sleep(delay)
    runtime = world.service.runtime
    async with runtime.db.work() as tx:
        await handler(tx, [event_of(one) for one in entries], Context(datetime.now(UTC), runtime))
        await asyncio.sleep(delay / 2)


async def settled(world: World) -> list[dict[str, Any]]:
    """All messages, once none is on its way."""

    async def none_sending() -> bool:
        return not await world.rows("select 1 from messages where state = 'sending'")

    await eventually(none_sending)
    return await world.rows("select * from messages")


@pytest.mark.parametrize("seed", range(3))
async def test_an_address_and_its_order_in_the_same_moment_never_miss_each_other(world: World, seed: int) -> None:
    chance = random.Random(seed)
    jobs = []
    for number in range(40):
        name, order_id = f"c{number}", f"o{number}"
        jobs.append(handle(world, take_orders, [order(order_id, name)], delay=chance.random() / 100))
        jobs.append(handle(world, take_customers, [customer(name)], delay=chance.random() / 100))
    await asyncio.gather(*jobs)
    rows = await settled(world)
    assert len(rows) == 40
    assert {row["state"] for row in rows} == {"sent"}


@pytest.mark.parametrize("seed", range(3))
async def test_points_and_their_order_in_the_same_moment_never_miss_each_other(world: World, seed: int) -> None:
    chance = random.Random(seed)
    await handle(world, take_customers, [customer("c1")])
    jobs = []
    for number in range(40):
        old = number % 2 == 1
        placed = ago(days=200) if old else ago()
        jobs.append(handle(world, take_orders, [order(f"o{number}", at=placed)], delay=chance.random() / 100))
        earned = points(order_id=f"o{number}", transaction_id=f"t{number}")
        jobs.append(handle(world, take_points, [earned], delay=chance.random() / 100))
    await asyncio.gather(*jobs)
    rows = [row for row in await settled(world) if row["workflow"] == "points_earned"]
    assert len(rows) == 40
    for row in rows:
        assert row["state"] == ("skipped" if int(row["order_id"][1:]) % 2 else "sent")


async def test_a_hundred_consumers_with_the_same_event_make_one_message(world: World) -> None:
    await handle(world, take_customers, [customer()])
    await asyncio.gather(*(handle(world, take_orders, [order()], delay=0.001 * (n % 3)) for n in range(100)))
    await asyncio.gather(*(handle(world, take_points, [points()]) for _ in range(100)))
    rows = await settled(world)
    assert sorted(row["workflow"] for row in rows) == ["order_confirmation", "points_earned"]
    assert len(world.files()) == 2
    assert len(await world.published()) == 2


async def test_a_merge_while_orders_come_leaves_no_message_behind(world: World) -> None:
    merged = entry("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(ago())})
    jobs = [handle(world, take_orders, [order(f"o{n}", "guest:1")], delay=0.0007 * n) for n in range(30)]
    jobs.append(handle(world, take_customers, [merged], delay=0.01))
    jobs.append(handle(world, take_customers, [customer("guest:1")], delay=0.012))
    await asyncio.gather(*jobs)
    rows = await settled(world)
    assert len(rows) == 30
    assert {(row["customer_id"], row["state"]) for row in rows} == {("c1", "sent")}


async def test_batches_of_the_same_customers_in_opposite_order_do_not_lock_each_other_out(world: World) -> None:
    names = [f"c{number}" for number in range(60)]
    orders = [order(f"o{number}", name) for number, name in enumerate(names)]
    contacts = [customer(name) for name in names]
    for _ in range(3):
        await asyncio.gather(
            handle(world, take_orders, orders),
            handle(world, take_orders, orders[::-1]),
            handle(world, take_customers, contacts[::-1]),
            handle(world, take_customers, contacts),
        )
    rows = await settled(world)
    assert len(rows) == 60
    assert {row["state"] for row in rows} == {"sent"}
