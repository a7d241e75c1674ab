"""What became due is told though what made the service look at the member changes nothing."""

from datetime import timedelta

from tests.service.loyalty.test_customers import merged
from tests.service.loyalty.world import Json, World

TIERS: Json = {"window": "ever", "levels": [{"id": "silver", "threshold": 100, "entry": {"points": 7}}]}


async def begin(shop: World) -> None:
    """An order's points can be spent in 14 days, and reach a level then. 200 points are there already."""
    await shop.program(pending={"kind": "days", "days": 14}, tiers=TIERS)
    await shop.adjust(200)
    await shop.order("1", 10_000)
    await shop.work()


async def told(shop: World) -> list[str]:
    """After the next order, which finds nothing that is due any more."""
    await shop.order("2", 100)
    return [one.type for one in await shop.published() if b'"order_id":"2"' not in bytes(one.data)]


EVERYTHING = ["points.earned", "points.earned", "tier.changed", "points.earned"]  # pending; then 100, silver and its 7


async def test_by_a_merge_that_comes_again(shop: World) -> None:
    await begin(shop)
    await shop.take(merged(shop, "guest:1", "c1"))
    shop.clock.now += timedelta(days=20)
    await shop.take(merged(shop, "guest:1", "c1"))
    assert await told(shop) == EVERYTHING


async def test_by_a_hold_that_is_asked_for_again(shop: World) -> None:
    await begin(shop)
    shop.clock.now += timedelta(days=14, minutes=-10)
    await shop.pay(50, "x", status=201)
    shop.clock.now += timedelta(minutes=20)
    await shop.pay(50, "x", status=200)
    assert await told(shop) == EVERYTHING


async def test_by_the_end_of_a_hold_that_an_order_has_spent(shop: World) -> None:
    await begin(shop)
    shop.clock.now += timedelta(days=14, minutes=-10)
    held = await shop.pay(50, "x")
    code = {"code": held["code"], "kind": "points", "amount": 1}
    await shop.order("x", 2, discounts=[code])
    shop.clock.now += timedelta(minutes=40)
    await shop.work()
    assert await told(shop) == ["points.earned", "points.redeemed", *EVERYTHING[1:]]
