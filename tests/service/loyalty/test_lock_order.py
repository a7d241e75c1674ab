"""Shops, orders, members, rewards, one after the other: whoever waits holds nothing that the other one needs next.

Every test stops one transaction in the middle and lets it go on when another waits for it. Nobody is tried again.
"""

import asyncio
import random
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import TransientError
from comeback_kit.timers import DueTimer
from loyalty import due_work, members, occasions, orders, program_store, rewards
from loyalty.consumers import TIMERS
from tests.service.loyalty.world import HANDLERS, World, event, instant

DAY = {"day": "2026-03-11", "after": ""}


async def handled(shop: World, topic: str, *events: Any) -> None:
    """One transaction of a handler, without the consumer's retries."""
    runtime = shop.service.runtime
    async with runtime.db.work() as tx:
        await HANDLERS[topic](tx, events, Context(shop.now, runtime))


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


async def handed_over(shop: World, order_id: str, first: str, second: str) -> None:
    await shop.order(order_id, 10_000, first)
    await shop.pay(60, f"x{order_id}", first)
    shop.clock.now = shop.now.replace(second=shop.now.second + 1)
    await shop.order(order_id, 10_000, second)


@pytest.mark.parametrize(("source", "target"), [("b", "c"), ("c", "b")])
async def test_a_merge_waits_for_an_order_before_it_locks_the_members(shop: World, source: str, target: str) -> None:
    await handed_over(shop, "1", "b", "c")
    async with shop.service.runtime.db.work() as tx:
        await orders.lock(tx, [("demo", "1")])
        merge = await waiting(handled(shop, "customers", merging(shop, source, target)))
        await lock(shop, tx, "b", "c")
    await merge
    await shop.check()
    assert sum((await shop.numbers(target))[::2]) == 100


async def test_merges_of_one_batch_lock_all_their_orders_and_members_first(shop: World) -> None:
    await handed_over(shop, "2", "a", "b")
    await shop.adjust(5, "c")
    merges = [merging(shop, "d", "c"), merging(shop, "b", "a")]
    news = event("customer.updated", {"customer_id": "z", "tags": ["vip"]}, at=shop.now)
    async with shop.service.runtime.db.work() as tx:
        await orders.lock(tx, [("demo", "2")])
        batch = await waiting(handled(shop, "customers", news, *merges))
        await lock(shop, tx, "a", "c", "z")
    await batch
    async with shop.service.runtime.db.work() as tx:
        await lock(shop, tx, "a")
        batch = await waiting(handled(shop, "customers", merging(shop, "e", "c"), merging(shop, "f", "a")))
        await lock(shop, tx, "c")
    await batch
    await shop.check()


async def test_an_erased_members_orders_are_locked_before_them(shop: World) -> None:
    await shop.order("1", 10_000, "b", attributes={"note": "x"})
    async with shop.service.runtime.db.work() as tx:
        (order,) = await orders.lock(tx, [("demo", "1")])
        assert order.known is not None
        assert order.known.state["attributes"] == {"note": "x"}
        news = event("customer.updated", {"customer_id": "b", "tags": ["vip"]}, at=shop.now)
        gone = event("customer.erased", {"customer_id": "b", "at": instant(shop.now)}, at=shop.now)
        batch = await waiting(handled(shop, "customers", news, gone))
        await lock(shop, tx, "b")
    await batch
    async with shop.service.runtime.db.work() as tx:
        (order,) = await orders.lock(tx, [("demo", "1")])
    assert order.known is not None
    assert "attributes" not in order.known.state, "the batch that waited has had its effect"


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


async def test_a_birthday_waits_for_the_program_before_it_locks_the_member(shop: World) -> None:
    await shop.program(rules=[{"id": "b", "kind": "birthday", "points": 40}])
    await shop.adjust(5, "c")
    news = event("customer.updated", {"customer_id": "c", "birthday": "1990-03-10"}, at=shop.now)
    async with shop.service.runtime.db.work() as tx:
        await program_store.lock(tx, ["demo"])
        batch = await waiting(handled(shop, "customers", news))
        await lock(shop, tx, "c")
    await batch
    assert await shop.balance("c") == 45


async def test_nothing_deadlocks_while_orders_change_hands_between_people_who_are_merged(shop: World) -> None:
    """Who finds at the last moment that somebody was merged, or an order changed hands, tries again; that is all."""
    await shop.program(rules=[{"id": "b", "kind": "birthday", "points": 4}, {"id": "p", "kind": "per_amount"}])
    dice = random.Random(5)
    names = [f"m{number:02}" for number in range(24)]
    placed = [f"o{number:02}" for number in range(40)]
    await shop.take(*[shop.order_event(order, customer=dice.choice(names)) for order in placed])
    batches: list[tuple[str, list[Any]]] = []
    for number in range(30):
        at = shop.now.replace(second=1 + number)
        moved = [shop.order_event(order, customer=dice.choice(names), at=at) for order in dice.sample(placed, 8)]
        news = [
            event("customer.updated", {"customer_id": name, "birthday": "1990-03-10"}, at=at)
            for name in dice.sample(names, 3)
        ]
        ends = [merging(shop, *dice.sample(names, 2)) for _ in range(2)]
        if number % 10 == 9:
            ends.append(event("customer.erased", {"customer_id": dice.choice(names), "at": instant(at)}, at=at))
        batches += [("orders", moved), ("customers", [*news, *ends])]

    async def taken(topic: str, batch: list[Any]) -> None:
        while True:
            try:
                return await handled(shop, topic, *batch)
            except (asyncpg.SerializationError, asyncpg.LockNotAvailableError, TransientError):
                await asyncio.sleep(dice.random() / 50)

    async def adjusted(name: str) -> None:
        body = {"points": 1, "reason": "x"}
        answer = await shop.client.post(f"/v1/loyalty/members/{name}/adjustments", json=body)
        assert answer.status_code in (201, 404), answer.text

    await asyncio.gather(
        *[taken(topic, batch) for topic, batch in batches],
        *[adjusted(dice.choice(names)) for _ in range(20)],
        *[due_work.run_once(shop.service.runtime, 100) for _ in range(5)],
    )
    await shop.check()


async def test_two_imports_lock_their_members_one_after_the_other(shop: World) -> None:
    for name in ("z", "a"):
        await shop.adjust(5, name)
        row = b'{"customer_id": "%s", "lots": [{"points": 7, "earned_at": "2026-01-01T00:00:00Z"}]}' % name.encode()
        kind = {"Content-Type": "application/x-ndjson"}
        answer = await shop.client.post("/v1/loyalty/imports/members", content=row, headers=kind)
        assert answer.status_code == 202, answer.text
        shop.clock.now += timedelta(seconds=1)
    async with shop.service.runtime.db.work() as tx:
        await lock(shop, tx, "a")
        work = await waiting(shop.work())
        await lock(shop, tx, "z")
    await work
    assert [await shop.balance(name) for name in ("a", "z")] == [12, 12]


async def test_days_of_several_shops_begin_in_the_order_in_which_members_are_locked(shop: World) -> None:
    """The day of the second shop is due earlier."""
    late = instant(shop.now.replace(hour=13))
    await shop.shop("east")
    context = Context(shop.now, shop.service.runtime)
    for name in ("demo", "east"):
        document = {"rules": [{"id": "b", "kind": "birthday", "points": 40}]}
        answer = await shop.service.client(name).put("/v1/loyalty/program", json=document)
        assert answer.status_code == 200
        data = {"customer_id": "c", "birthday": "1990-03-11", "updated_at": late}
        await shop.take(event("customer.updated", data, at=shop.now, shop=name))
    timers = [DueTimer(name, occasions.DAY_TIMER, "", shop.now, DAY, 0) for name in ("east", "demo")]

    async def days() -> None:
        async with shop.service.runtime.db.work() as tx:
            await TIMERS[occasions.DAY_TIMER](tx, timers, context)

    async with shop.service.runtime.db.work() as tx:
        await lock(shop, tx, "c")
        work = await waiting(days())
        await asyncio.wait_for(members.lock(tx, [("east", "c")], shop.now, create=False), 0.5)
    await work
    assert await shop.balance("c") == 40


async def test_rewards_that_come_back_are_locked_in_order(shop: World) -> None:
    """Not in the order in which they are named, or lie in the table."""
    keys = [("demo", f"r{number:02}") for number in range(20)]
    for _, reward_id in reversed(keys):
        body = {"reward_id": reward_id, "kind": "partner", "name": "X", "points": 1, "stock": 5}
        await shop.post("rewards", body)
    runtime = shop.service.runtime
    one = "select from rewards where shop_id = 'demo' and reward_id = $1 for update"

    async def put_back() -> None:
        async with runtime.db.work() as tx:
            await rewards.put_stock(tx, [*reversed(keys), keys[-1]])

    async with runtime.db.work() as tx:
        await tx.fetch(one, keys[0][1])
        work = await waiting(put_back())
        for _, reward_id in keys[1:]:
            assert await asyncio.wait_for(tx.fetchrow(one, reward_id), 0.5) is not None
    await work
    assert [(await shop.get(f"rewards/{reward_id}"))["stock"] for _, reward_id in keys] == [6] * 19 + [7]
