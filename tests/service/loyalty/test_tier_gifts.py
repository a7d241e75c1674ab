"""Rewards that are given for reaching a tier: also the one that every new shop has, and how they end."""

from datetime import timedelta

import pytest

from loyalty.shops import FIRST_REWARD
from tests.service.loyalty.test_customers import erased
from tests.service.loyalty.world import Json, World


def giving(*reward_ids: str) -> Json:
    """Tiers with one level, which is reached by the first order."""
    levels = [{"id": "silver", "threshold": 50, "entry": {"reward_ids": reward_ids}}]
    return {"basis": "points", "window": "ever", "levels": levels}


async def gift(shop: World, stock: int = 5) -> None:
    body = {"reward_id": "gift", "kind": "amount_off", "name": "Gift", "points": 100, "value": 500, "stock": stock}
    await shop.post("rewards", body)


async def states(shop: World, customer_id: str = "c1") -> list[tuple[str, str]]:
    items = (await shop.get(f"members/{customer_id}/redemptions"))["items"]
    return [(one["reward_id"], one["state"]) for one in items]


async def test_the_reward_of_a_new_shop_can_be_given(shop: World) -> None:
    await shop.program(tiers=giving(FIRST_REWARD))
    await shop.order("1")
    (one,) = (await shop.get("members/c1/redemptions"))["items"]
    assert (one["reward_id"], one["state"], one["value"], one["currency"]) == (FIRST_REWARD, "held", 500, "EUR")
    assert await shop.tier() == "silver"


async def test_a_gift_that_nobody_uses_ends_after_a_year_and_is_in_stock_again(shop: World) -> None:
    await gift(shop)
    await shop.program(tiers=giving("gift"))
    await shop.order("1")
    await shop.days(364)
    assert await states(shop) == [("gift", "held")]
    assert (await shop.get("rewards/gift"))["stock"] == 4
    await shop.days(1)
    assert await states(shop) == [("gift", "expired")]
    assert (await shop.get("rewards/gift"))["stock"] == 5


@pytest.mark.parametrize("spent", [True, False], ids=["spent", "of somebody who was erased"])
async def test_a_gift_that_ended_otherwise_stays_as_it_is(shop: World, spent: bool) -> None:
    await gift(shop)
    await shop.program(tiers=giving("gift"))
    await shop.order("1")
    (one,) = (await shop.get("members/c1/redemptions"))["items"]
    if spent:
        await shop.post(f"redemptions/{one['redemption_id']}/confirm")
    else:
        shop.clock.now += timedelta(hours=1)
        await shop.take(erased(shop))
    await shop.days(366)
    found = await shop.get(f"redemptions/{one['redemption_id']}")
    assert found["state"] == ("spent" if spent else "expired")
