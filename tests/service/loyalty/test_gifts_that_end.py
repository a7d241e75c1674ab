"""Gifts of a level end together: whoever waits for a reward holds none that somebody else needs first."""

import asyncio
from datetime import timedelta

from comeback_kit.consumer import Context
from comeback_kit.timers import DueTimer
from loyalty.consumers import TIMERS
from loyalty.redemption_rows import HOLD_TIMER
from tests.service.loyalty.test_lock_order import waiting
from tests.service.loyalty.world import World


async def test_gifts_that_end_at_one_instant_are_put_back_in_the_order_of_their_rewards(shop: World) -> None:
    """Not in the order of their redemptions, whose ids are drawn."""
    names = [f"r{number:02}" for number in range(20)]
    for name in names:
        await shop.post("rewards", {"reward_id": name, "kind": "partner", "name": "X", "points": 1, "stock": 5})
    levels = [{"id": "silver", "threshold": 50, "entry": {"reward_ids": names}}]
    await shop.program(tiers={"basis": "points", "window": "ever", "levels": levels})
    await shop.order("1")
    runtime, items = shop.service.runtime, (await shop.get("members/c1/redemptions", limit=100))["items"]
    assert len(items) == 20
    shop.clock.now += timedelta(days=365)
    timers = [DueTimer("demo", HOLD_TIMER, one["redemption_id"], shop.now, {}, 0) for one in items]
    statement = "select from rewards where shop_id = 'demo' and reward_id = $1 for update"

    async def ended() -> None:
        async with runtime.db.work() as tx:
            await TIMERS[HOLD_TIMER](tx, timers, Context(shop.now, runtime))

    async with runtime.db.work() as tx:
        await tx.fetch(statement, names[0])
        work = await waiting(ended())
        for name in names[1:]:
            assert await asyncio.wait_for(tx.fetchrow(statement, name), 0.5) is not None
    await work
    assert [(await shop.get(f"rewards/{name}"))["stock"] for name in names] == [5] * 20
