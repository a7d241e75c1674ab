"""The liability of a past instant, of members who have been merged since."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.test_customers import erased, merged
from tests.service.loyalty.world import World, instant

TIERS = {"window": "ever", "levels": [{"id": "silver", "threshold": 100}, {"id": "gold", "threshold": 200}]}
Parts = list[tuple[str | None, str | None, int]]


async def owed(shop: World, at: datetime | None = None) -> Parts:
    bounds: dict[str, Any] = {} if at is None else {"at": instant(at)}
    found = await shop.get("reports/liability", **bounds)
    parts = [(one["month"], one["tier"], one["points"]) for one in found["by"]]
    assert found["points"] == sum(one[2] for one in parts)
    return parts


async def later(shop: World) -> datetime:
    """The present instant, which is a past one from now on."""
    at = shop.now
    shop.clock.now += timedelta(hours=1)
    return at


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("b", "a")])
async def test_two_with_a_tier_each_count_once_before_and_after_they_are_one(
    shop: World, source: str, target: str
) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 10_000, customer="a")
    await shop.order("2", 20_000, customer="b")
    seen_before, before = await owed(shop), await later(shop)
    assert sorted(seen_before, key=str) == [(None, "gold", 200), (None, "silver", 100)]
    await shop.take(merged(shop, source, target))
    seen_after, after = await owed(shop), await later(shop)
    assert seen_after == [(None, "gold", 300)]
    assert await owed(shop, after) == seen_after
    assert await owed(shop, before) == seen_before


@pytest.mark.parametrize("amount", [5_000, 10_000])
async def test_who_had_no_tier_or_whose_account_has_none_is_told_apart_by_the_merge(shop: World, amount: int) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", amount, customer="a")
    await shop.order("2", 15_000 - amount, customer="b")
    seen_before, before = await owed(shop), await later(shop)
    await shop.take(merged(shop, "a", "b"))
    seen_after, after = await owed(shop), await later(shop)
    await shop.take(erased(shop, "b"))
    await later(shop)
    assert (await owed(shop, before), await owed(shop, after)) == (seen_before, seen_after)


async def test_a_row_of_merges_counts_once(shop: World) -> None:
    await shop.program(tiers=TIERS)
    for number, name in enumerate("abc", 1):
        await shop.order(name, 10_000 * number, customer=name)
    seen = [await owed(shop)]
    instants = [await later(shop)]
    for source, target in (("a", "b"), ("b", "c")):
        await shop.take(merged(shop, source, target))
        seen.append(await owed(shop))
        instants.append(await later(shop))
    assert [await owed(shop, at) for at in instants] == seen


async def test_the_history_of_tiers_ends_with_what_members_have(shop: World) -> None:
    await shop.program(tiers=TIERS)
    await shop.order("1", 20_000, customer="a")
    await shop.order("2", 10_000, customer="b")
    await shop.take(merged(shop, "a", "b"))
    rows = (await shop.snapshot(["tier_changes", "members"])).values()
    changes, members = rows
    newest = {row["customer_id"]: row["tier_id"] for row in sorted(changes, key=lambda row: int(row["place"]))}
    assert newest == {"a": None, "b": "gold"} == {row["customer_id"]: row["tier_id"] for row in members}
