"""The preview of an order equals what is posted next, also when something of the member is due, and writes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.test_customers import erased, merged
from tests.service.loyalty.world import World, instant, line


def goods(shop: World, order_id: str, amount: int = 10_000) -> dict[str, Any]:
    at = instant(shop.now)
    lines = [line("1", amount)]
    return {
        "order_id": order_id,
        "currency": "EUR",
        "lines": lines,
        "total": amount,
        "placed_at": at,
        "updated_at": at,
    }


async def foretold(shop: World, order_id: str, customer: str = "c1") -> int:
    """What the preview says of an order, which is posted then; the preview itself writes nothing."""
    before = await shop.everything()
    body = {"order": goods(shop, order_id), "customer_id": customer}
    shown: int = (await shop.post("earn/preview", body))["points"]
    assert await shop.everything() == before
    await shop.order(order_id, customer=customer)
    assert (await shop.get(f"orders/{order_id}/explanation"))["points"] == shown
    return shown


def doubling(threshold: int = 80, **more: Any) -> dict[str, Any]:
    """Tiers with one level that doubles what an order earns."""
    level = {"id": "s", "threshold": threshold, "benefits": {"multiplier": "2"}}
    return {"basis": "points", "window": "month", "downgrade": "full", "levels": [level], **more}


@pytest.mark.parametrize("basis", ["points", "spend", "orders"])
async def test_a_tier_whose_time_is_over_counts_no_more(shop: World, basis: str) -> None:
    await shop.program(tiers=doubling(1 if basis == "orders" else 80, basis=basis))
    await shop.order("1")
    assert await foretold(shop, "2") == 200
    shop.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    assert await foretold(shop, "3") == 100
    shop.clock.now = datetime(2026, 7, 2, tzinfo=UTC)
    assert await foretold(shop, "4") == 100


async def test_a_tier_that_was_reached_again_in_its_last_month_is_kept(shop: World) -> None:
    await shop.program(tiers=doubling(until="end_of_next"))
    await shop.order("1")
    await shop.move_to(datetime(2026, 4, 20, tzinfo=UTC))
    await shop.order("2")
    shop.clock.now = datetime(2026, 5, 2, tzinfo=UTC)
    assert await foretold(shop, "3") == 200


@pytest.mark.parametrize("window", ["ever", "month", "rolling_12m"])
async def test_pending_points_that_became_active_raise_the_tier(shop: World, window: str) -> None:
    await shop.program(pending={"kind": "days", "days": 3}, tiers=doubling(window=window))
    await shop.order("1")
    assert await foretold(shop, "2") == 100
    shop.clock.now += timedelta(days=4)
    assert await foretold(shop, "3") == 200


async def test_points_that_ran_out_lower_a_tier_by_balance(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "days": 5}, tiers=doubling(basis="balance", window="ever"))
    await shop.order("1")
    shop.clock.now += timedelta(days=7)
    assert await foretold(shop, "2") == 100


async def test_entry_points_of_the_first_level_may_reach_the_next_before_the_first_order(shop: World) -> None:
    levels = [
        {"id": "bronze", "threshold": 0, "entry": {"points": 50}},
        {"id": "silver", "threshold": 50, "benefits": {"multiplier": "3"}},
    ]
    for window in ("ever", "calendar_year"):
        await shop.program(tiers={"window": window, "levels": levels})
        assert await foretold(shop, window, customer=window) == 300


async def test_those_who_were_merged_or_erased(shop: World) -> None:
    await shop.program(tiers=doubling())
    await shop.order("1", customer="a")
    await shop.take(merged(shop, "a", "b"))
    assert await foretold(shop, "2", customer="a") == 200
    assert await foretold(shop, "3", customer="b") == 200
    shop.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    await shop.take(erased(shop, "b"))
    shop.clock.now += timedelta(hours=1)
    assert await foretold(shop, "4", customer="b") == 100


async def test_limits_and_the_first_purchase(shop: World) -> None:
    rules = [
        {"id": "base"},
        {"id": "first", "kind": "first_purchase", "points": 40},
        {"id": "daily", "kind": "fixed", "points": 5, "limit": {"times": 2, "period": "day"}},
    ]
    await shop.program(rules=rules, caps=[{"points": 250, "period": "day"}])
    assert [await foretold(shop, str(number)) for number in range(4)] == [145, 105, 0, 0]
    shop.clock.now += timedelta(days=1)
    assert await foretold(shop, "next") == 105


async def reposted(shop: World, order_id: str, customer: str) -> int:
    """What the preview says of an order that has counted before; its event comes once more then, a second later."""
    shop.clock.now += timedelta(seconds=1)
    return await foretold(shop, order_id, customer)


@pytest.mark.parametrize("names", ["ab", "ba", "bb", "aa"])
async def test_an_order_of_somebody_who_was_merged_since_keeps_what_was_fixed_for_it(shop: World, names: str) -> None:
    """Whichever id it was settled for, and whichever the shop names now."""
    await shop.program(tiers=doubling())
    await shop.order("1", customer=names[0])
    await shop.order("2", customer="b")
    await shop.take(merged(shop, "a", "b"))
    assert await shop.tier("b") == "s"
    assert await reposted(shop, "1", names[1]) == 100


async def test_an_order_that_changes_hands_stays_under_its_program(shop: World) -> None:
    await shop.program()
    await shop.order("1", customer="a")
    shop.clock.now += timedelta(days=1)
    await shop.program(rules=[{"id": "base", "points": 3}])
    assert await reposted(shop, "1", "b") == 100
    assert await foretold(shop, "2", "b") == 300


async def test_what_is_known_of_an_order_counts_too(shop: World) -> None:
    await shop.order("1")
    await shop.refund("1", 4_000)
    assert await reposted(shop, "1", "c1") == 60
