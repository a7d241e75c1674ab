"""What a member's tier says: its benefits, what keeps it, and ways to earn that are for other tiers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.service.loyalty.world import Json, World

SILVER: Json = {
    "id": "silver",
    "name": "Silver",
    "threshold": 100,
    "benefits": {"multiplier": "1.5", "free_shipping": True, "reward_ids": ["mug", "cap"]},
}
TIERS: Json = {"window": "calendar_year", "until": "end_of_next", "levels": [{"id": "bronze", "threshold": 0}, SILVER]}


async def test_a_member_sees_the_benefits_of_their_tier(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 5_000)
    names = ("id", "multiplier", "free_shipping", "reward_ids")
    assert [(await shop.member())["tier"][name] for name in names] == ["bronze", "1", False, []]
    await shop.order("2", 5_000)
    expected = ["silver", "1.5", True, ["mug", "cap"]]
    assert [(await shop.member())["tier"][name] for name in names] == expected
    mine = (await shop.get("me", client=shop.service.customer("c1")))["tier"]
    assert [mine[name] for name in names] == expected


async def test_what_keeps_a_tier_is_counted_in_the_present_window(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 10_000)
    assert await keeping(shop) == ("silver", "2028-01-01T00:00:00Z", 0)
    await shop.move_to(datetime(2027, 2, 1, tzinfo=UTC))
    assert await keeping(shop) == ("silver", "2028-01-01T00:00:00Z", 100)
    await shop.order("2", 2_000)  # 20 points and half as much again
    assert await keeping(shop) == ("silver", "2028-01-01T00:00:00Z", 70)
    await shop.refund("2", 1_000)
    assert (await keeping(shop))[2] == 85
    await shop.order("3", 10_000)
    assert (await keeping(shop))[2] == 0
    await shop.move_to(datetime(2028, 1, 1, tzinfo=UTC))
    assert (await keeping(shop))[0] == "silver"


async def keeping(shop: World) -> tuple[Any, Any, Any]:
    tier = (await shop.member())["tier"]
    return tier["id"], tier["until"], tier["points_to_keep"]


WAYS: list[tuple[str, Json, str]] = [
    ("limit of times", {"kind": "fixed", "points": 5, "limit": {"times": 1, "period": "month"}}, "2026-04-01"),
    ("limit of points", {"limit": {"points": 40, "period": "day"}}, "2026-03-11"),
    ("first purchase", {"kind": "first_purchase", "points": 50}, ""),
    ("other tier", {"kind": "fixed", "points": 5, "when": {"tiers": ["bronze"]}}, ""),
]


@pytest.mark.parametrize(("rule", "again"), [one[1:] for one in WAYS], ids=[one[0] for one in WAYS])
async def test_a_way_to_earn_that_is_used_up_is_not_available(shop: World, rule: Json, again: str) -> None:
    await shop.program(tiers=TIERS, rules=[{"id": "base"}, {"id": "way", **rule}])
    await shop.order("0", 100, customer="c2")
    assert await ways(shop) == {"base": True, "way": True}
    await shop.order("1", 10_000)
    assert await ways(shop) == {"base": True, "way": False}
    assert await ways(shop, "nobody") == {"base": True, "way": True}
    if again:
        await shop.move_to(datetime.fromisoformat(f"{again}T00:00:00Z"))
        assert await ways(shop) == {"base": True, "way": True}


async def test_a_way_for_a_tier_becomes_available_with_it(shop: World) -> None:
    await shop.program(tiers=TIERS, rules=[{"id": "base"}, {"id": "way", "points": 1, "when": {"tiers": ["silver"]}}])
    await shop.order("1", 5_000)
    assert await ways(shop) == {"base": True, "way": False}
    await shop.order("2", 5_000)
    assert await ways(shop) == {"base": True, "way": True}


async def ways(shop: World, customer_id: str = "c1") -> dict[str, bool]:
    items = (await shop.get("me/ways-to-earn", client=shop.service.customer(customer_id)))["items"]
    return {one["rule_id"]: one["available"] for one in items}
