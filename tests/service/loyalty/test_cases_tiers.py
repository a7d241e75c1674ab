"""Tiers of cases/loyalty.md §E, from events to what a member sees."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.service.loyalty.world import World, instant


def at(year: int, month: int, day: int, hour: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, 0, second, tzinfo=UTC)


def levels(**thresholds: int) -> list[dict[str, Any]]:
    return [{"id": name, "threshold": threshold} for name, threshold in thresholds.items()]


async def test_c58_tiers_by_balance(shop: World) -> None:
    tiers = {"basis": "balance", "window": "ever", "levels": levels(silver=100, gold=500, platinum=1000)}
    await shop.program(tiers=tiers)
    seen = []
    for points in (100, -50, 500):
        await shop.adjust(points)
        seen.append(await shop.tier())
    assert seen == ["silver", None, "gold"]
    tier = (await shop.member())["tier"]
    assert tier["next"] == {"id": "platinum", "name": "platinum", "points_needed": 450}
    changes = [(one["from"], one["to"]) for one in await shop.told("tier.changed")]
    assert changes == [(None, "silver"), ("silver", None), (None, "gold")]


@pytest.mark.parametrize(("left", "level"), [(5, None), (10, "L1"), (30, "L2")])
async def test_c60_a_yearly_recheck(shop: World, left: int, level: str | None) -> None:
    tiers = {"basis": "balance", "window": "calendar_year", "downgrade": "full", "levels": levels(L1=10, L2=30, L3=100)}
    await shop.program(tiers=tiers)
    await shop.adjust(10)
    assert await shop.tier() == "L1"
    await shop.adjust(20)
    assert await shop.tier() == "L2"
    if left < 30:
        await shop.adjust(left - 30)
    assert await shop.tier() == "L2"
    await shop.move_to(at(2026, 12, 31, 23))
    assert await shop.tier() == "L2"
    await shop.move_to(at(2027, 1, 1))
    assert await shop.tier() == level


GRACE = [
    ({}, at(2026, 7, 25, 12)),
    ({"grace": "P1M"}, at(2026, 8, 20)),
    ({"grace": "P1M", "grace_round_to": "month_end"}, at(2026, 9, 1)),
]


@pytest.mark.parametrize(("grace", "falls"), GRACE, ids=["none", "one month", "to the month's end"])
async def test_c62_grace_counts_from_the_entry(shop: World, grace: dict[str, str], falls: datetime) -> None:
    tiers = {
        "basis": "balance",
        "window": "ever",
        "downgrade": "full",
        "levels": levels(bronze=0, silver=100, gold=250),
        **grace,
    }
    shop.clock.now = at(2026, 7, 20, 12)
    await shop.program(tiers=tiers)
    await shop.adjust(250)
    assert await shop.tier() == "gold"
    await shop.move_to(at(2026, 7, 25, 12))
    await shop.adjust(-200)
    if grace:
        assert await shop.tier() == "gold"
        await shop.move_to(datetime.fromtimestamp(falls.timestamp() - 1, UTC))
        assert await shop.tier() == "gold"
        await shop.move_to(falls)
    assert await shop.tier() == "bronze"


PERIODS = [
    ("end_of_window", 0, "2026-04-01"),
    ("end_of_next", 0, "2026-05-01"),
    ("end_of_window", 7, "2026-04-08"),
    ("end_of_next", 7, "2026-05-08"),
]


@pytest.mark.parametrize(("until", "extra", "ends"), PERIODS)
async def test_c63_to_the_end_of_the_period_or_of_the_next(shop: World, until: str, extra: int, ends: str) -> None:
    tiers = {
        "basis": "points",
        "window": "month",
        "until": until,
        "extra_days": extra,
        "downgrade": "full",
        "levels": levels(silver=100),
    }
    await shop.program(tiers=tiers)
    await shop.order("1001", 10_000)
    member = await shop.member()
    assert (member["tier"]["id"], member["tier"]["until"]) == ("silver", f"{ends}T00:00:00Z")
    end = datetime.fromisoformat(member["tier"]["until"])
    await shop.move_to(datetime.fromtimestamp(end.timestamp() - 1, UTC))
    assert await shop.tier() == "silver"
    await shop.move_to(end)
    assert await shop.tier() is None


async def test_c65_entry_rewards_one_per_level_none_on_keeping_again_on_requalifying(shop: World) -> None:
    await shop.post(
        "rewards", {"reward_id": "mug", "kind": "free_product", "name": "Mug", "points": 0, "product_id": "m"}
    )
    tiers = {
        "basis": "points",
        "window": "calendar_year",
        "downgrade": "full",
        "levels": [
            {"id": "silver", "threshold": 100, "entry": {"points": 10}},
            {"id": "gold", "threshold": 200, "entry": {"points": 20, "reward_ids": ["mug"]}},
            {"id": "platinum", "threshold": 300, "entry": {"points": 30}},
        ],
    }
    await shop.program(tiers=tiers)
    await shop.order("1", 30_000)
    assert await shop.tier() == "platinum"
    rewards = [(one["points"], one["reason"]) for one in await shop.transactions() if one["reason"]]
    assert rewards == [(10, "tier_reached:silver"), (20, "tier_reached:gold"), (30, "tier_reached:platinum")]
    (mug,) = (await shop.get("members/c1/redemptions"))["items"]
    assert (mug["reward_id"], mug["points"], mug["state"]) == ("mug", 0, "held")
    await shop.post(f"redemptions/{mug['redemption_id']}/confirm")
    await shop.order("2", 30_000)
    assert len([one for one in await shop.transactions() if one["reason"]]) == 3
    await shop.move_to(at(2027, 1, 1))
    assert await shop.tier() is None
    await shop.order("3", 10_000)
    assert await shop.tier() == "silver"
    assert len([one for one in await shop.transactions() if one["reason"]]) == 4


async def test_a_tier_multiplies_the_orders_that_come_after_it(shop: World) -> None:
    tiers = {"window": "ever", "levels": [{"id": "silver", "threshold": 100, "benefits": {"multiplier": "1.2"}}]}
    await shop.program(tiers=tiers)
    await shop.order("1", 10_000)
    await shop.order("2", 10_000)
    assert await shop.balance() == 220
    explained = await shop.get("orders/2/explanation")
    assert [(one["rule_id"], one["points"]) for one in explained["rules"]] == [("base", 100), ("tier:silver", 20)]
    await shop.order("3", 10_000, customer="c2")
    assert await shop.balance("c2") == 100


async def test_orders_of_one_batch_see_the_tier_that_those_before_reached(shop: World) -> None:
    tiers = {"window": "ever", "levels": [{"id": "silver", "threshold": 100, "benefits": {"multiplier": "2"}}]}
    await shop.program(tiers=tiers)
    await shop.take(*[shop.order_event(str(number), 10_000) for number in range(3)])
    assert await shop.balance() == 500


async def test_a_rolling_year_counts_the_last_twelve_months(shop: World) -> None:
    tiers = {"basis": "points", "window": "rolling_12m", "downgrade": "full", "levels": levels(silver=100, gold=200)}
    await shop.program(tiers=tiers)
    await shop.order("1", 10_000)
    await shop.move_to(at(2026, 9, 10, 12))
    await shop.order("2", 10_000)
    assert await shop.tier() == "gold"
    await shop.move_to(at(2027, 9, 11, 12))
    assert await shop.tier() is None


async def test_refunds_lower_what_a_tier_counts(shop: World) -> None:
    tiers = {"basis": "spend", "window": "ever", "downgrade": "full", "levels": levels(silver=10_000)}
    await shop.program(tiers=tiers)
    await shop.order("1", 12_000)
    assert await shop.tier() == "silver"
    await shop.refund("1", 5_000)
    assert await shop.tier() is None


async def test_tiers_by_the_number_of_orders(shop: World) -> None:
    await shop.program(tiers={"basis": "orders", "window": "ever", "downgrade": "full", "levels": levels(regular=3)})
    for number in range(2):
        await shop.order(str(number), 1_000)
        assert await shop.tier() is None
    await shop.order("2", 1_000)
    assert await shop.tier() == "regular"
    await shop.cancel_order("1", 1_000, updated_at=instant(shop.now.replace(minute=30)))
    assert await shop.tier() is None


async def test_members_of_a_tier_are_listed(shop: World) -> None:
    await shop.program(tiers={"window": "ever", "levels": levels(silver=100)})
    await shop.order("1", 10_000, customer="a")
    await shop.order("2", 1_000, customer="b")
    assert [one["customer_id"] for one in (await shop.get("members", tier="silver"))["items"]] == ["a"]
    assert {one["customer_id"] for one in (await shop.get("members"))["items"]} == {"a", "b"}
    later = instant(shop.now.replace(hour=13))
    assert (await shop.get("members", updated_since=later))["items"] == []
    await shop.get("members", updated_since="yesterday", status=422)


async def test_a_program_with_other_tiers_looks_at_every_member(shop: World) -> None:
    await shop.take(*[shop.order_event(str(number), 10_000, customer=f"c{number}") for number in range(5)])
    await shop.program(tiers={"window": "ever", "levels": levels(silver=100)})
    await shop.work()
    assert [await shop.tier(f"c{number}") for number in range(5)] == ["silver"] * 5
    assert len(await shop.told("tier.changed")) == 5
