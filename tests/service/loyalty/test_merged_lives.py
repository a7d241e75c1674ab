"""What two ids did apart is one life once they are merged: its last activity, and the tier that it has from then on."""

from datetime import timedelta

import pytest

from tests.service.loyalty.test_customers import merged
from tests.service.loyalty.world import World

SLIDING = {"kind": "sliding", "days": 40, "warn_days": [7]}
TIERS = {"window": "calendar_year", "levels": [{"id": "silver", "threshold": 100}, {"id": "gold", "threshold": 150}]}


@pytest.mark.parametrize(("source", "target"), [("guest:1", "c1"), ("c1", "guest:1")])
async def test_points_of_both_slide_with_what_either_did_last(shop: World, source: str, target: str) -> None:
    await shop.program(expiry=SLIDING)
    await shop.order("1", 10_000, customer="guest:1")
    await shop.days(20)
    await shop.order("2", 5_000, customer="c1")
    await shop.take(merged(shop, source, target))
    assert [one["expires_at"] for one in await shop.lots(target)] == ["2026-05-10T00:00:00Z"] * 2
    await shop.days(39)
    assert await shop.balance(target) == 150
    assert [one["points"] for one in await shop.told("points.expiring")] == [150]


async def test_a_tier_that_comes_with_a_merge_is_told(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 10_000, customer="guest:1")
    await shop.order("2", 1_000, customer="c1")
    await shop.take(merged(shop, "guest:1", "c1"))
    told = [(one["customer_id"], one["from"], one["to"], one["reason"]) for one in await shop.told("tier.changed")]
    assert told == [("guest:1", None, "silver", "up"), ("c1", None, "silver", "merged")]
    assert (await shop.told("tier.changed"))[1]["until"] == "2027-01-01T00:00:00Z"


async def test_a_tier_that_both_reach_together_is_told_after_the_one_that_was_there(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 10_000, customer="guest:1")
    await shop.order("2", 6_000, customer="c1")
    await shop.take(merged(shop, "guest:1", "c1"))
    assert await shop.tier() == "gold"
    told = [(one["from"], one["to"]) for one in await shop.told("tier.changed") if one["customer_id"] == "c1"]
    assert told == [(None, "silver"), ("silver", "gold")]


async def test_a_merge_that_leaves_the_tier_tells_nothing(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 10_000, customer="c1")
    await shop.order("2", 1_000, customer="guest:1")
    shop.clock.now += timedelta(hours=1)
    await shop.take(merged(shop, "guest:1", "c1"))
    assert [one["customer_id"] for one in await shop.told("tier.changed")] == ["c1"]
