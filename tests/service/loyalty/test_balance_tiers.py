"""Tiers that count balances move when an order gives spent points back, not at the next occasion."""

from datetime import timedelta

from tests.service.loyalty.world import Json, World, line

TIERS: Json = {
    "basis": "balance",
    "window": "ever",
    "downgrade": "full",
    "levels": [{"id": "silver", "threshold": 100}],
}


async def test_points_that_a_cancellation_gives_back_reach_the_level_again(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.adjust(100)
    held = await shop.pay(100, "1")
    goods: Json = {
        "lines": [line("1", 100)],
        "discounts": [{"code": held["code"], "kind": "points", "amount": 100}],
        "placed_at": shop.now,
    }
    await shop.order("1", **goods)
    assert await shop.tier() is None
    shop.clock.now += timedelta(minutes=1)
    await shop.cancel_order("1", **goods)
    assert await shop.numbers() == (100, 0, 0, 0)
    assert await shop.tier() == "silver"
    assert [(one["from"], one["to"]) for one in await shop.told("tier.changed")] == [
        (None, "silver"),
        ("silver", None),
        (None, "silver"),
    ]
