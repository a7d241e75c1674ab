"""Tiers move whenever what they count does: not at the next occasion, and each move is told."""

from datetime import timedelta

import msgspec
import pytest

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


@pytest.mark.parametrize("basis", ["points", "orders"])
async def test_a_level_gained_lost_and_gained_again_in_one_batch_is_three_events(shop: World, basis: str) -> None:
    """With the basis ``orders`` and no rules no points move, so nothing but the events tells the moves apart."""
    needed = {"points": 100, "orders": 2}[basis]
    rules = [{"id": "r", "kind": "per_amount"}] if basis == "points" else []
    await shop.program(rules=rules, tiers=TIERS | {"basis": basis, "levels": [{"id": "silver", "threshold": needed}]})
    await shop.order("1", 5_000)
    shop.clock.now += timedelta(minutes=1)
    batch = [
        shop.order_event("2", 5_000),
        shop.order_event("1", 5_000, kind="order.cancelled", state="cancelled"),
        shop.order_event("3", 5_000),
    ]
    await shop.take(*batch)
    told = [one for one in await shop.published() if one.type == "tier.changed"]
    moves = [(data["from"], data["to"]) for data in (msgspec.json.decode(one.data) for one in told)]
    assert moves == [(None, "silver"), ("silver", None), (None, "silver")]
    assert len({one.id for one in told}) == 3
