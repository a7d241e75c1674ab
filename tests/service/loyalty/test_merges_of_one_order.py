"""An order went from one id to another, and then both turn out to be one person: nothing is lost, nothing made."""

from datetime import timedelta

import pytest

from tests.service.loyalty.world import World, event, instant

PENDING = {"kind": "days", "days": 3}


async def merged(shop: World, source: str, target: str) -> None:
    data = {"from": source, "into": target, "at": instant(shop.now)}
    await shop.take(event("customer.merged", data, at=shop.now))
    await shop.check()


async def answer_to_hold(shop: World, points: int) -> int:
    order = {"points": points, "order_id": "x", "order_total": 1_000_000, "currency": "EUR"}
    return (await shop.client.post("/v1/loyalty/members/c/redemptions", json=order)).status_code


@pytest.mark.parametrize(("first", "second"), [("b", "c"), ("c", "b")])
@pytest.mark.parametrize("negative", ["clamp", "allow"])
async def test_points_that_could_be_spent_still_can(shop: World, first: str, second: str, negative: str) -> None:
    """The first one's lot stayed pending and empty, the second one's has become active."""
    await shop.program(pending=PENDING, negative=negative)
    placed, handed_over = shop.now, shop.now + timedelta(days=1)
    await shop.order("1", 10_000, first, placed_at=placed)
    await shop.days(1)
    await shop.order("1", 10_000, second, placed_at=placed, updated_at=instant(handed_over))
    await shop.days(4)
    await merged(shop, "b", "c")
    assert await answer_to_hold(shop, 50) == 201
    await shop.days(5)
    await shop.check()
    member = await shop.member("c")
    assert (member["balance"], member["pending"], member["held"]) == (100, 0, 0), "the hold has ended by itself"


@pytest.mark.parametrize(("first", "second"), [("b", "c"), ("c", "b")])
@pytest.mark.parametrize("negative", ["clamp", "allow"])
async def test_a_lot_that_is_still_due_activates_nothing_twice(
    shop: World, first: str, second: str, negative: str
) -> None:
    await shop.program(pending=PENDING, negative=negative)
    later = [instant(shop.now + timedelta(seconds=after)) for after in (1, 2)]
    await shop.order("1", 10_000, first, placed_at=shop.now - timedelta(days=1), updated_at=later[0])
    await shop.order("1", 10_000, second, placed_at=shop.now - timedelta(days=10), updated_at=later[1])
    await merged(shop, "b", "c")
    await shop.days(5)
    await shop.check()
    member = await shop.member("c")
    assert (member["balance"], member["pending"]) == (100, 0)


@pytest.mark.parametrize(("first", "second"), [("b", "c"), ("c", "b")])
@pytest.mark.parametrize("negative", ["clamp", "allow"])
async def test_what_is_held_of_it_can_be_freed_and_spent(shop: World, first: str, second: str, negative: str) -> None:
    await shop.program(pending=PENDING, negative=negative)
    await shop.order("1", 10_000, first, placed_at=shop.now - timedelta(days=10))
    redemption = await shop.pay(100, "x", first)
    later = instant(shop.now + timedelta(seconds=1))
    await shop.order("1", 10_000, second, placed_at=shop.now - timedelta(days=1), updated_at=later)
    await merged(shop, "b", "c")
    await shop.post(f"redemptions/{redemption['redemption_id']}/cancel", {})
    await shop.check()
    await shop.days(5)
    await shop.check()
    member = await shop.member("c")
    assert (member["balance"], member["pending"], member["held"]) == (100, 0, 0), "the order is worth 100"
