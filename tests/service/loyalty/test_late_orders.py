"""An order that is booked after its points would have run out: they run out at once, and nothing stands on them."""

import pytest

from tests.service.loyalty.world import START, World

DAYS_10 = {"kind": "rolling", "days": 10}


@pytest.mark.parametrize("negative", ["clamp", "allow"])
async def test_its_points_are_earned_and_expire_in_one_go(shop: World, negative: str) -> None:
    await shop.program(expiry=DAYS_10, negative=negative)
    await shop.days(20)
    await shop.order("late", 10_000, placed_at=START, updated_at="2026-03-10T12:00:00Z")
    assert await shop.kinds() == [("earned", 100), ("expired", -100)]
    assert await shop.balance() == 0
    await shop.check()
    assert [one["points"] for one in await shop.told("points.expired")] == [100]


async def test_new_points_fill_a_deficit_that_points_which_ran_out_would_hide(shop: World) -> None:
    """All in one batch: late points, points taken back that were spent, and new ones."""
    await shop.program(expiry=DAYS_10, negative="allow")
    await shop.order("1", 10_000)
    redemption = await shop.pay(100, "x")
    await shop.post(f"redemptions/{redemption['redemption_id']}/confirm", {})
    await shop.days(20)
    await shop.take(
        shop.order_event("late", 20_000, placed_at=START, updated_at="2026-03-10T12:00:00Z"),
        shop.refund_event("1", 10_000),
        shop.order_event("2", 3_000),
    )
    await shop.check()
    await shop.days(1)
    await shop.check()
    assert (await shop.balance(), await shop.lots()) == (-70, []), "what is below 0 is filled first"


async def test_with_sliding_expiry_an_order_that_rises_keeps_its_new_points(shop: World) -> None:
    """Its lot was spent to 0, and kept the end that it had then; the order itself slides it."""
    await shop.program(expiry={"kind": "sliding", "days": 10})
    await shop.order("1", 10_000)
    redemption = await shop.pay(100, "x")
    await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    for number in range(4):
        await shop.days(5)
        await shop.order(f"more-{number}", 1_000)
    await shop.order("1", 15_000, placed_at=START)
    await shop.check()
    assert await shop.balance() == 90
