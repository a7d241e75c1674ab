"""Orders that count and are worth nothing: gift cards, and those in a currency without a rate."""

from datetime import timedelta

import pytest

from tests.service.loyalty.world import Json, World, line

TIERS: Json = {
    "basis": "orders",
    "window": "ever",
    "downgrade": "full",
    "levels": [{"id": "silver", "threshold": 1}],
}
WORTH_NOTHING: dict[str, Json] = {
    "gift card": {"lines": [line("1", 5_000, is_gift_card=True)]},
    "currency": {"lines": [line("1", 5_000)], "currency": "USD"},
}


@pytest.mark.parametrize("order", WORTH_NOTHING.values(), ids=WORTH_NOTHING)
async def test_one_that_is_cancelled_counts_no_longer_for_tiers(shop: World, order: Json) -> None:
    await shop.program(tiers=TIERS)
    placed = shop.now
    await shop.order("1", **order)
    assert await shop.tier() == "silver"
    shop.clock.now += timedelta(minutes=1)
    await shop.cancel_order("1", placed_at=placed, **order)
    assert await shop.tier() is None
    shop.clock.now += timedelta(minutes=1)
    await shop.order("1", placed_at=placed, state="open", **order)
    assert await shop.tier() == "silver"
    assert await shop.numbers() == (0, 0, 0, 0)
