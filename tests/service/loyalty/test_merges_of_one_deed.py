"""Both ids were paid for one deed, and then turn out to be one person: of the two lots' dates the kinder ones stay."""

from datetime import datetime, timedelta

import pytest

from tests.service.loyalty.world import World, event, instant

RULE = {"id": "r", "kind": "activity", "activity": "review", "points": 50}
BOTH = pytest.mark.parametrize(("source", "target"), [("b", "c"), ("c", "b")])


async def did(shop: World, customer: str, at: datetime) -> None:
    data = {"activity_id": "one", "customer_id": customer, "kind": "review", "at": instant(at)}
    await shop.take(event("activity.recorded", data, at=shop.now))


async def merged(shop: World, source: str, target: str) -> None:
    data = {"from": source, "into": target, "at": instant(shop.now)}
    await shop.take(event("customer.merged", data, at=shop.now))
    await shop.check()


@BOTH
async def test_the_later_expiry_stays_and_is_warned_of(shop: World, source: str, target: str) -> None:
    await shop.program(rules=[RULE], expiry={"kind": "rolling", "days": 30, "warn_days": [7]})
    await did(shop, "b", shop.now - timedelta(days=24))
    await did(shop, "c", shop.now - timedelta(days=10))
    await shop.work()
    assert [one["points"] for one in await shop.told("points.expiring")] == [50]
    await merged(shop, source, target)
    (lot,) = await shop.lots(target)
    assert (lot["remaining"], lot["expires_at"]) == (100, "2026-03-31T00:00:00Z")
    await shop.days(15)
    assert [one["points"] for one in await shop.told("points.expiring")] == [50, 100]
    assert await shop.balance(target) == 100
    await shop.days(7)
    assert await shop.balance(target) == 0


@BOTH
@pytest.mark.parametrize("spent", ["b", "c"])
async def test_points_that_never_expire_still_do_not(shop: World, source: str, target: str, spent: str) -> None:
    """Wherever points are left: of the other lot some may come back."""
    await shop.program(rules=[RULE])
    await shop.order("1", 10_000, "other")
    await shop.days(1)
    await shop.program(rules=[RULE], expiry={"kind": "rolling", "days": 30})
    await did(shop, "b", shop.now - timedelta(hours=20))
    await did(shop, "c", shop.now)
    await shop.pay(50, "x", spent)
    await merged(shop, source, target)
    await shop.days(40)
    await shop.check()
    assert await shop.numbers(target) == (100, 0, 0, 0)


@BOTH
async def test_the_earlier_availability_stays(shop: World, source: str, target: str) -> None:
    await shop.program(rules=[RULE], pending={"kind": "days", "days": 3})
    await did(shop, "b", shop.now - timedelta(days=1))
    await did(shop, "c", shop.now)
    await merged(shop, source, target)
    assert await shop.numbers(target) == (0, 100, 0, 0)
    await shop.days(1.9)
    assert await shop.numbers(target) == (0, 100, 0, 0)
    await shop.days(0.2)
    await shop.check()
    assert await shop.numbers(target) == (100, 0, 0, 0)


@BOTH
async def test_what_could_have_been_spent_by_now_can_be(shop: World, source: str, target: str) -> None:
    """The one lot is empty, so nobody looked when its time came; the other one's points have waited for longer."""
    await shop.program(rules=[{**RULE, "when": {"channels": ["app"]}}], pending={"kind": "days", "days": 3})
    await did(shop, "b", shop.now)
    await shop.days(4)
    data = {"activity_id": "one", "customer_id": "c", "kind": "review", "at": instant(shop.now), "channel": "app"}
    await shop.take(event("activity.recorded", data, at=shop.now))
    await merged(shop, source, target)
    await shop.work()
    await shop.check()
    assert await shop.numbers(target) == (50, 0, 0, 0)
