"""``points.expiring`` comes on its day whatever happened to the points meanwhile."""

from datetime import UTC, datetime
from typing import Any

from tests.service.loyalty.world import World

SIXTY_DAYS = {"kind": "rolling", "days": 60, "warn_days": [30, 7]}
FIRST = datetime(2026, 4, 9, 12, tzinfo=UTC)  # START + 30 days; the 60 days end with 2026-05-10T00:00Z
SECOND = datetime(2026, 5, 3, 12, tzinfo=UTC)


async def told(shop: World) -> list[int]:
    return [one["points"] for one in await shop.told("points.expiring")]


async def spend(shop: World, points: int) -> str:
    held = await shop.pay(points)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm", {})
    number: str = held["redemption_id"]
    return number


async def begin(shop: World, expiry: dict[str, Any] = SIXTY_DAYS, **more: Any) -> None:
    await shop.program(expiry=expiry, **more)
    await shop.order("1", 10_000)
    await shop.work()


async def test_an_expiry_that_slid_by_a_spend_is_warned_of_on_its_new_day(shop: World) -> None:
    await begin(shop, {"kind": "sliding", "days": 40, "warn_days": [30]})
    await shop.days(11)
    assert await told(shop) == [100]
    await spend(shop, 10)
    await shop.days(10)
    assert await told(shop) == [100]
    await shop.days(1)
    assert await told(shop) == [100, 90]


async def test_points_that_were_returned_are_warned_of(shop: World) -> None:
    await begin(shop)
    redemption = await spend(shop, 100)
    await shop.days(40)
    assert await told(shop) == []
    await shop.post(f"redemptions/{redemption}/return", {})
    await shop.work()
    assert await told(shop) == [100]
    await shop.move_to(SECOND)
    assert await told(shop) == [100, 100]


async def test_points_held_over_the_day_of_a_warning_are_warned_of_when_they_are_free_again(shop: World) -> None:
    await begin(shop)
    await shop.move_to(datetime(2026, 4, 9, 23, 50, tzinfo=UTC))
    held = await shop.pay(100)
    await shop.move_to(datetime(2026, 4, 10, 0, 5, tzinfo=UTC))
    assert await told(shop) == []
    await shop.post(f"redemptions/{held['redemption_id']}/cancel", {})
    await shop.work()
    assert await told(shop) == [100]
    await shop.move_to(SECOND)
    assert await told(shop) == [100, 100]


async def test_points_that_an_order_is_worth_again_are_warned_of(shop: World) -> None:
    placed = shop.now
    await begin(shop)
    await shop.days(1)
    await shop.order("1", 1, placed_at=placed)
    await shop.days(40)
    assert await told(shop) == []
    await shop.order("1", 10_000, placed_at=placed)
    await shop.move_to(SECOND)
    assert (await told(shop))[-1:] == [100]


async def test_entry_points_of_a_tier_are_warned_of(shop: World) -> None:
    levels = [{"id": "silver", "threshold": 50, "entry": {"points": 20}}]
    await shop.program(expiry=SIXTY_DAYS, tiers={"basis": "balance", "window": "ever", "levels": levels})
    await shop.adjust(60, expires_at="2027-06-01T00:00:00Z")
    await shop.work()
    await shop.move_to(FIRST.replace(day=10))
    assert await told(shop) == [20]
