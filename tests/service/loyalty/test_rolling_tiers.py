"""A level in a rolling window ends twelve months after the last change that reached it, whoever looked meanwhile."""

from datetime import UTC, datetime

from tests.service.loyalty.world import World

ROLLING = {"basis": "points", "window": "rolling_12m", "downgrade": "full", "levels": [{"id": "s", "threshold": 100}]}
END = datetime(2027, 3, 10, 12, tzinfo=UTC)


async def until(shop: World) -> str:
    found: str = (await shop.member())["tier"]["until"]
    return found


async def begin(shop: World) -> None:
    await shop.program(tiers=ROLLING, expiry={"kind": "rolling", "months": 12, "warn_days": [30]})
    await shop.work()
    await shop.order("1", 10_000)
    assert await until(shop) == "2027-03-10T12:00:00Z"


async def test_a_warning_of_expiry_does_not_keep_a_level(shop: World) -> None:
    await begin(shop)
    await shop.move_to(datetime(2027, 2, 12, tzinfo=UTC))
    assert len(await shop.told("points.expiring")) == 1
    assert await until(shop) == "2027-03-10T12:00:00Z"
    await shop.move_to(END)
    assert await shop.tier() is None


async def test_a_spend_does_not_keep_a_level_by_points(shop: World) -> None:
    await begin(shop)
    await shop.days(100)
    await shop.pay(10)
    assert await until(shop) == "2027-03-10T12:00:00Z"


async def test_an_order_that_is_worth_nothing_does_not_keep_a_level(shop: World) -> None:
    await begin(shop)
    await shop.days(100)
    await shop.order("2", 1)
    assert await until(shop) == "2027-03-10T12:00:00Z"


async def test_points_that_become_spendable_do(shop: World) -> None:
    await begin(shop)
    await shop.days(100)
    await shop.order("2", 200)
    assert await until(shop) == "2027-06-18T12:00:00Z"
