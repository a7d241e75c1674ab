"""Many at once on one balance, one stock, one hold, the same members: nothing is spent twice, lost, or deadlocked."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec.json import encode

from comeback_contracts.topics import ORDERS
from comeback_kit.batching import in_batches
from comeback_kit.consumer import Context
from comeback_kit.errors import TransientError
from comeback_kit.log.port import Record
from loyalty import due_work
from loyalty.consumers import SUBSCRIPTIONS
from tests.service.loyalty.world import HANDLERS, World, event


async def statuses(calls: list[Any]) -> Counter[int]:
    answers: list[httpx.Response] = await asyncio.gather(*calls)
    return Counter(answer.status_code for answer in answers)


async def test_a_hundred_redemptions_of_one_balance_spend_it_once(shop: World) -> None:
    await shop.adjust(1000)
    path = "/v1/loyalty/members/c1/redemptions"
    body = {"points": 100, "order_total": 100_000, "currency": "EUR"}
    calls = [shop.client.post(path, json={**body, "order_id": f"o{number}"}) for number in range(100)]
    assert await statuses(calls) == {201: 10, 409: 90}
    assert await shop.numbers() == (0, 0, 1000, 0)


async def test_c66_twenty_gifts_of_the_whole_balance_are_one(shop: World) -> None:
    await shop.adjust(100)
    calls = [
        shop.client.post("/v1/loyalty/members/c1/transfers", json={"to": f"m{number}", "points": 100})
        for number in range(20)
    ]
    assert await statuses(calls) == {201: 1, 409: 19}
    members = (await shop.get("members", limit=100))["items"]
    assert sum(one["balance"] for one in members) == 100


async def test_c71_the_last_item_of_stock_goes_to_one(shop: World) -> None:
    await shop.post("rewards", {"reward_id": "r", "kind": "free_shipping", "name": "Last", "points": 10, "stock": 1})
    for number in range(10):
        await shop.adjust(10, f"m{number}")
    calls = [
        shop.client.post(f"/v1/loyalty/members/m{number}/redemptions", json={"reward_id": "r"}) for number in range(10)
    ]
    assert await statuses(calls) == {201: 1, 409: 9}
    left = [await shop.balance(f"m{number}") for number in range(10)]
    assert sorted(left) == [0, *[10] * 9]
    assert (await shop.get("rewards/r"))["stock"] == 0


async def test_one_hold_is_confirmed_once_by_a_hundred(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(60)
    path = f"/v1/loyalty/redemptions/{held['redemption_id']}"
    calls = [shop.client.post(f"{path}/{'confirm' if number % 2 else 'cancel'}") for number in range(100)]
    assert await statuses(calls) == {200: 1, 409: 99}
    assert await shop.numbers() in {(40, 0, 0, 0), (100, 0, 0, 0)}


async def test_the_same_order_and_points_at_once_are_one_hold(shop: World) -> None:
    await shop.adjust(1000)
    body = {"points": 100, "order_id": "X", "order_total": 100_000, "currency": "EUR"}
    path = "/v1/loyalty/members/c1/redemptions"
    answers = await asyncio.gather(*[shop.client.post(path, json=body) for _ in range(20)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json()["redemption_id"] for answer in answers}) == 1
    assert await shop.balance() == 900


async def test_one_code_of_a_pool_goes_to_one(shop: World) -> None:
    reward = {"reward_id": "r", "kind": "partner", "name": "Code", "points": 0, "code_pool": True}
    await shop.post("rewards", reward)
    await shop.post("rewards/r/codes", {"codes": ["A1", "A2", "A3"]})
    for number in range(8):
        await shop.adjust(1, f"m{number}")
    calls = [
        shop.client.post(f"/v1/loyalty/members/m{number}/redemptions", json={"reward_id": "r"}) for number in range(8)
    ]
    answers = await asyncio.gather(*calls)
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 5}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 201} == {"A1", "A2", "A3"}


async def test_batches_redemptions_merges_and_jobs_of_the_same_members(shop: World) -> None:
    """No deadlock reaches a caller, nothing is lost, and the ledger is sound afterwards."""
    names = [f"m{number}" for number in range(12)]
    dice = random.Random(11)
    for name in names:
        await shop.adjust(500, name, expires_at="2026-04-01T00:00:00Z")
    batches = [
        [shop.order_event(f"o{batch}-{number}", 10_000, customer=dice.choice(names)) for number in range(40)]
        for batch in range(6)
    ]

    async def earn(batch: list[Any]) -> None:
        runtime = shop.service.runtime
        async with runtime.db.work() as tx:
            await HANDLERS["orders"](tx, batch, Context(shop.now, runtime))

    async def spend(number: int) -> httpx.Response:
        body = {"points": 5, "order_id": f"s{number}", "order_total": 100_000, "currency": "EUR"}
        return await shop.client.post(f"/v1/loyalty/members/{dice.choice(names)}/redemptions", json=body)

    async def pass_on() -> httpx.Response:
        body = {"to": dice.choice(names), "points": 3}
        return await shop.client.post(f"/v1/loyalty/members/{dice.choice(names)}/transfers", json=body)

    answers = await asyncio.gather(
        *[earn(batch) for batch in batches],
        *[spend(number) for number in range(60)],
        *[pass_on() for _ in range(30)],
        *[due_work.run_once(shop.service.runtime, 100) for _ in range(5)],
    )
    spends = [one for one in answers[6:66] if isinstance(one, httpx.Response)]
    gifts = [one for one in answers[66:96] if isinstance(one, httpx.Response)]
    assert {one.status_code for one in (*spends, *gifts)} <= {201, 409}
    held = 5 * [one.status_code for one in spends].count(201)
    members = (await shop.get("members", limit=100))["items"]
    assert sum(one["balance"] + one["held"] for one in members) == 12 * 500 + 240 * 100
    assert sum(one["held"] for one in members) == held


async def test_a_hold_whose_time_is_over_is_freed_once_while_it_is_confirmed(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(60)
    shop.clock.now += timedelta(minutes=30)
    path = f"/v1/loyalty/redemptions/{held['redemption_id']}/confirm"
    calls = [shop.client.post(path) for _ in range(20)]
    confirmed, *_ = await asyncio.gather(statuses(calls), shop.work(), shop.work())
    assert confirmed == {409: 20}
    assert await shop.numbers() == (100, 0, 0, 0)
    assert (await shop.kinds()).count(("released", 60)) == 1


async def test_transfers_that_cross_each_other_lose_nothing(shop: World) -> None:
    for member in ("a", "b"):
        await shop.adjust(100, member)
    calls = [
        shop.client.post(f"/v1/loyalty/members/{one}/transfers", json={"to": other, "points": 3})
        for _ in range(20)
        for one, other in (("a", "b"), ("b", "a"))
    ]
    assert await statuses(calls) == {201: 40}
    assert (await shop.balance("a"), await shop.balance("b")) == (100, 100)


async def test_batches_that_make_the_same_members_at_the_same_time_wait_for_each_other(shop: World) -> None:
    """Neither has to be tried again, whichever way they overlap; the second one finds what the first one made."""
    runtime = shop.service.runtime
    names = [f"m{number:02}" for number in range(30)]
    orders = [shop.order_event(f"first-{name}", 10_000, customer=name) for name in names[5:20]]
    others = [shop.order_event(f"second-{name}", 10_000, customer=name) for name in reversed(names)]
    news = [event("customer.updated", {"customer_id": name, "tags": ["vip"]}, at=shop.now) for name in names]
    async with runtime.db.work() as tx:
        await HANDLERS["orders"](tx, orders, Context(shop.now, runtime))
        batches = [("orders", others), ("customers", news)]
        waiting = [asyncio.create_task(settled(shop, topic, batch)) for topic, batch in batches]
        done, _ = await asyncio.wait(waiting, timeout=0.3)
        assert not done, "both need members that this transaction has made"
    await asyncio.gather(*waiting)
    members = {one["customer_id"]: one["balance"] for one in (await shop.get("members", limit=100))["items"]}
    assert members == {name: 200 if name in names[5:20] else 100 for name in names}


async def test_an_order_that_two_make_at_the_same_time_is_settled_once(shop: World) -> None:
    """As after a rebalance: the second one is told to try again, and then finds nothing to do."""
    runtime = shop.service.runtime
    orders = [shop.order_event(f"o{number}", 10_000) for number in range(3)]
    async with runtime.db.work() as tx:
        await HANDLERS["orders"](tx, orders, Context(shop.now, runtime))
        again = asyncio.create_task(settled(shop, "orders", [*orders[1:], shop.order_event("o9", 10_000)]))
        done, _ = await asyncio.wait([again], timeout=0.3)
        assert not done, "it needs the member"
    with pytest.raises(TransientError, match="at the same time"):
        await again
    assert await shop.balance() == 300
    await settled(shop, "orders", [*orders[1:], shop.order_event("o9", 10_000)])
    assert await shop.balance() == 400


async def test_orders_of_different_lanes_are_settled_side_by_side(shop: World) -> None:
    """While one lane's points are written and not committed, no other waits for it; one more of the lane does."""
    subscription = next(one for one in SUBSCRIPTIONS if one.topic == ORDERS)
    events = [shop.order_event(f"o{number}", 10_000, customer=f"m{number % 20}") for number in range(60)]
    records = [Record(ORDERS, 0, place, b"demo:o%d" % place, encode(one)) for place, one in enumerate(events)]
    lanes = [
        [events[record.offset] for record in part.records]
        for part in in_batches(records, [subscription], len(events) - 1)
    ]
    assert len(lanes) > 1
    runtime = shop.service.runtime
    async with runtime.db.work() as tx:
        await HANDLERS["orders"](tx, lanes[0], Context(shop.now, runtime))
        for lane in lanes[1:]:
            await asyncio.wait_for(settled(shop, "orders", lane), 10)
        name = lanes[0][0].view(dict)["order"]["customer"]["customer_id"]
        same = asyncio.create_task(settled(shop, "orders", [shop.order_event("late", 10_000, customer=name)]))
        done, _ = await asyncio.wait([same], timeout=0.3)
        assert not done
    await same
    members = {one["customer_id"]: one["balance"] for one in (await shop.get("members", limit=100))["items"]}
    assert members == {f"m{number}": 400 if f"m{number}" == name else 300 for number in range(20)}


async def settled(shop: World, topic: str, events: list[Any]) -> None:
    """One transaction of a handler, without the consumer's retries."""
    runtime = shop.service.runtime
    async with runtime.db.work() as tx:
        await HANDLERS[topic](tx, events, Context(shop.now, runtime))
