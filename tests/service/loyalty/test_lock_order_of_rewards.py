"""Whoever needs several rewards locks them at once, in order and after all members, whatever it needs them for.

As in ``test_lock_order``: one transaction has the first reward, and whoever waits for it must not hold the last one.
"""

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from comeback_kit.consumer import Context
from comeback_kit.errors import TransientError
from comeback_kit.timers import DueTimer
from loyalty import due_work, members, occasions, tier_review
from loyalty.consumers import TIMERS
from loyalty.redemption_rows import HOLD_TIMER
from tests.service.loyalty.test_lock_order import handled, merging, waiting
from tests.service.loyalty.world import Json, World, event, instant

ONE = "select from rewards where shop_id = $1 and reward_id = $2 for update"
FIRST, LAST = "a", "z"


def level(name: str, threshold: int, *reward_ids: str) -> Json:
    return {"id": name, "threshold": threshold, "entry": {"reward_ids": reward_ids}}


def tiers(*levels: Json) -> Json:
    return {"basis": "points", "window": "ever", "levels": levels}


async def stocked(shop: World, shop_id: str = "demo") -> None:
    """Two rewards of which five are there."""
    for name in (FIRST, LAST):
        body = {"reward_id": name, "kind": "partner", "name": "X", "points": 1, "stock": 5}
        answer = await shop.service.client(shop_id).post("/v1/loyalty/rewards", json=body)
        assert answer.status_code == 201, answer.text


async def stocks(shop: World) -> dict[str, int]:
    return {name: (await shop.get(f"rewards/{name}"))["stock"] for name in (FIRST, LAST)}


async def rings(shop: World, kind: str, *timers: DueTimer) -> None:
    runtime = shop.service.runtime
    async with runtime.db.work() as tx:
        await TIMERS[kind](tx, timers, Context(shop.now, runtime))


async def waits_in_order(shop: World, work: Coroutine[Any, Any, Any]) -> None:
    """See that it waits for the first reward, and holds not the last one then."""
    async with shop.service.runtime.db.work() as tx:
        await tx.fetchrow(ONE, "demo", FIRST)
        task = await waiting(work)
        assert await asyncio.wait_for(tx.fetchrow(ONE, "demo", LAST), 0.5) is not None
    await task


def _hold(shop: World, reward_id: str, _: Json) -> Coroutine[Any, Any, Any]:
    return shop.post("members/c1/redemptions", {"reward_id": reward_id})


def _cancel(shop: World, _: str, held: Json) -> Coroutine[Any, Any, Any]:
    return shop.post(f"redemptions/{held['redemption_id']}/cancel")


def _end(shop: World, _: str, held: Json) -> Coroutine[Any, Any, Any]:
    return rings(shop, HOLD_TIMER, DueTimer("demo", HOLD_TIMER, held["redemption_id"], shop.now, {}, 0))


def _return(shop: World, _: str, held: Json) -> Coroutine[Any, Any, Any]:
    return shop.post(f"redemptions/{held['redemption_id']}/return")


def _order(shop: World, _: str, __: Json) -> Coroutine[Any, Any, Any]:
    return handled(shop, "orders", shop.order_event("2", kind="order.cancelled", state="cancelled"))


@pytest.mark.parametrize(("gift", "other"), [(FIRST, LAST), (LAST, FIRST)], ids=["gift first", "gift last"])
@pytest.mark.parametrize(
    ("act", "is_spent", "left"),
    [(_hold, False, 3), (_cancel, False, 5), (_end, False, 5), (_return, True, 5), (_order, True, 5)],
    ids=["hold", "cancel", "end of the hold", "return", "refund"],
)
async def test_a_due_gift_and_the_stock_of_another_reward_are_one_step(
    shop: World,
    act: Callable[[World, str, Json], Coroutine[Any, Any, Any]],
    is_spent: bool,
    left: int,
    gift: str,
    other: str,
) -> None:
    await stocked(shop)
    await shop.adjust(10)
    held = await shop.post("members/c1/redemptions", {"reward_id": other})
    if is_spent:
        await shop.order("2", discounts=[{"code": held["code"], "amount": 100}])
    await shop.program(pending={"kind": "days", "days": 1}, tiers=tiers(level("silver", 150, gift)))
    await shop.order("1", 20_000)
    shop.clock.now += timedelta(days=31)
    await waits_in_order(shop, act(shop, other, held))
    assert await shop.tier() == "silver"
    assert await stocks(shop) == {gift: 4, other: left}


async def test_gifts_of_one_look_after_the_other_are_one_step(shop: World) -> None:
    """Somebody is due first who gets what is locked last."""
    await stocked(shop)
    await shop.program(pending={"kind": "days", "days": 1}, tiers=tiers(level("s", 50, LAST), level("g", 150, FIRST)))
    for number in range(2):
        await shop.order(str(number))
        shop.clock.now += timedelta(hours=1)
    shop.clock.now += timedelta(days=2)
    await waits_in_order(shop, due_work.run_once(shop.service.runtime, 10))
    assert await shop.tier() == "g"
    assert await stocks(shop) == {FIRST: 4, LAST: 4}


async def test_what_a_call_earns_is_given_with_what_was_due(shop: World) -> None:
    await stocked(shop)
    basis = {"basis": "balance", "levels": [level("s", 50, LAST), level("g", 150, FIRST)]}
    await shop.program(pending={"kind": "days", "days": 1}, tiers=basis)
    await shop.order("1")
    shop.clock.now += timedelta(days=2)
    await waits_in_order(shop, shop.adjust(100))
    assert await stocks(shop) == {FIRST: 4, LAST: 4}


async def test_merges_of_one_batch_give_together(shop: World) -> None:
    """Whoever is merged first gets what is locked last."""
    await stocked(shop)
    await shop.program(pending={"kind": "days", "days": 1}, tiers=tiers(level("s", 50, LAST), level("g", 150, FIRST)))
    await shop.order("1", 10_000, "b")
    await shop.order("2", 20_000, "d")
    shop.clock.now += timedelta(days=2)
    await waits_in_order(shop, handled(shop, "customers", merging(shop, "b", "a"), merging(shop, "d", "c")))
    assert await stocks(shop) == {FIRST: 4, LAST: 3}
    for name, given in (("a", {LAST}), ("c", {FIRST, LAST})):
        items = (await shop.get(f"members/{name}/redemptions"))["items"]
        assert {one["reward_id"] for one in items} == given


def _review(shop: World) -> Coroutine[Any, Any, Any]:
    kind = tier_review.REVIEW_TIMER
    return rings(shop, kind, *[DueTimer(name, kind, "", shop.now, {"after": ""}, 0) for name in ("east", "demo")])


def _days(shop: World) -> Coroutine[Any, Any, Any]:
    kind, day = occasions.DAY_TIMER, {"day": "2026-03-11", "after": ""}
    return rings(shop, kind, *[DueTimer(name, kind, "", shop.now, day, 0) for name in ("east", "demo")])


@pytest.mark.parametrize("act", [_review, _days], ids=["review", "birthdays"])
async def test_members_of_all_shops_are_locked_before_a_reward_of_the_first(
    shop: World, act: Callable[[World], Coroutine[Any, Any, Any]]
) -> None:
    await shop.shop("east")
    for name in ("demo", "east"):
        await stocked(shop, name)
        data = {"customer_id": "c", "birthday": "1990-03-11", "updated_at": instant(shop.now.replace(hour=13))}
        await shop.take(event("customer.updated", data, at=shop.now, shop=name))
        await shop.order("1", customer="c", shop=name)
        points = 100 if act is _days else 1
        document = {
            "rules": [{"id": "b", "kind": "birthday", "points": points}],
            "tiers": tiers(level("s", 101 if act is _days else 50, LAST)),
        }
        answer = await shop.service.client(name).put("/v1/loyalty/program", json=document)
        assert answer.status_code == 200, answer.text
    async with shop.service.runtime.db.work() as tx:
        await members.lock(tx, [("east", "c")], shop.now, create=False)
        work = await waiting(act(shop))
        assert await asyncio.wait_for(tx.fetchrow(ONE, "demo", LAST), 0.5) is not None
    await work
    assert (await stocks(shop))[LAST] == 4


async def _taken(shop: World, topic: str, events: list[Any]) -> None:
    """As the consumer does: again where somebody else was faster, which is no deadlock."""
    while True:
        try:
            return await handled(shop, topic, *events)
        except TransientError:
            await asyncio.sleep(0.01)


@pytest.fixture
def deadlocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every deadlock that PostgreSQL has ended, also of a call, which is tried again so that it does not show."""
    found: list[str] = []

    def noted(call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
        @functools.wraps(call)
        async def note(*given: Any, **named: Any) -> Any:
            try:
                return await call(*given, **named)
            except asyncpg.DeadlockDetectedError as error:
                found.append(str(error))
                raise

        return note

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(asyncpg.Connection, name, noted(getattr(asyncpg.Connection, name)))
    return found


async def test_nothing_deadlocks_while_levels_give_what_others_take_and_return(
    shop: World, deadlocks: list[str]
) -> None:
    """Batches of cancelled orders and calls, each of members of whom levels are due."""
    dice = random.Random(7)
    rewards = [f"r{number}" for number in range(8)]
    for name in rewards:
        body = {"reward_id": name, "kind": "partner", "name": "X", "points": 1, "stock": 1_000}
        await shop.post("rewards", body)
    steps = [level(f"l{place}", 50 + 100 * place, *dice.sample(rewards, 2)) for place in range(6)]
    await shop.program(pending={"kind": "days", "days": 1}, tiers=tiers(*steps))
    names = [f"m{number:02}" for number in range(40)]
    held: dict[str, Json] = {}
    for name in names:
        await shop.adjust(1_000, name)
        held[name] = await shop.post(f"members/{name}/redemptions", {"reward_id": dice.choice(rewards)})
        codes = [{"code": held[name]["code"], "amount": 1}]
        await shop.order(f"spent-{name}", 5_000, name, discounts=codes)
    await shop.take(*[shop.order_event(f"first-{name}", dice.randrange(5) * 10_000, name) for name in names])
    await shop.days(2)  # they are of several levels from now on
    for number in range(2):
        await shop.take(*[shop.order_event(f"{name}-{number}", 10_000, name) for name in names])
        shop.clock.now += timedelta(hours=1)
    shop.clock.now += timedelta(days=2)
    batches = [
        [
            shop.order_event(f"spent-{name}", 5_000, name, kind="order.cancelled", state="cancelled", at=shop.now)
            for name in names[place:24:6]
        ]
        for place in range(6)
    ]
    await asyncio.gather(
        *[_taken(shop, "orders", batch) for batch in batches],
        *[shop.post(f"members/{name}/redemptions", {"reward_id": dice.choice(rewards)}) for name in names[24:]],
    )
    assert deadlocks == []
    async with shop.service.runtime.db.work() as tx:
        given = await tx.fetch(
            "select reward_id, count(*) from redemptions where state in ('held', 'spent') group by 1"
        )
        left = await tx.fetch("select reward_id, 1000 - stock_left from rewards where stock_left < 1000")
    assert sorted(map(tuple, given)) == sorted(map(tuple, left))
