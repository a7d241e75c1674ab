"""An order went from one id to another, and then both turn out to be one person: nothing is lost, nothing made."""

from datetime import timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import World, event, instant

PENDING = {"kind": "days", "days": 3}
UNTIL = {"kind": "until", "until": "2026-03-13T12:00:00Z"}
WAYS = pytest.mark.parametrize(("first", "second"), [("b", "c"), ("c", "b")])
MODES = pytest.mark.parametrize("negative", ["clamp", "allow"])


async def merged(shop: World, source: str, target: str) -> None:
    data = {"from": source, "into": target, "at": instant(shop.now)}
    await shop.take(event("customer.merged", data, at=shop.now))
    await shop.check()


async def answer_to_hold(shop: World, points: int) -> int:
    order = {"points": points, "order_id": "x", "order_total": 1_000_000, "currency": "EUR"}
    return (await shop.client.post("/v1/loyalty/members/c/redemptions", json=order)).status_code


@WAYS
@MODES
@pytest.mark.parametrize("pending", [PENDING, UNTIL])
async def test_points_that_could_be_spent_still_can(
    shop: World, first: str, second: str, negative: str, pending: dict[str, Any]
) -> None:
    """The first one's lot stayed pending and empty, the second one's has become active."""
    await shop.program(pending=pending, negative=negative)
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


@WAYS
@MODES
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


@WAYS
@MODES
@pytest.mark.parametrize("days", [0, 1])
async def test_points_wait_for_the_date_of_the_program_whoever_had_them(
    shop: World, first: str, second: str, negative: str, days: int
) -> None:
    """On whichever day before that date the shop now says that the order was placed."""
    await shop.program(pending=UNTIL, negative=negative)
    placed = shop.now
    await shop.order("1", 10_000, first)
    await shop.days(1)
    await shop.order("1", 10_000, second, placed_at=placed + timedelta(days=days), updated_at=instant(shop.now))
    await shop.days(1)
    await merged(shop, "b", "c")
    assert await shop.numbers("c") == (0, 100, 0, 0)
    await shop.days(0.9)
    assert await shop.numbers("c") == (0, 100, 0, 0)
    await shop.days(0.2)
    await shop.check()
    assert await shop.numbers("c") == (100, 0, 0, 0)


@WAYS
@MODES
async def test_points_of_an_order_after_the_date_of_the_program_do_not_wait(
    shop: World, first: str, second: str, negative: str
) -> None:
    """The first one's lot is still pending: the shop said that the order was placed before the date."""
    await shop.program(pending=UNTIL, negative=negative)
    await shop.order("1", 10_000, first)
    await shop.days(2)
    shop.clock.now += timedelta(days=2)
    placed, later = shop.now - timedelta(hours=1), instant(shop.now)
    await shop.order("1", 10_000, second, placed_at=placed, updated_at=later)
    await merged(shop, "b", "c")
    assert await shop.numbers("c") == (100, 0, 0, 0)
    await shop.days(1)
    await shop.check()
    assert await shop.numbers("c") == (100, 0, 0, 0)


@WAYS
@MODES
@pytest.mark.parametrize("verb", ["cancel", "return"])
async def test_what_was_used_since_the_date_of_the_program_comes_back(
    shop: World, first: str, second: str, negative: str, verb: str
) -> None:
    """The first one's lot is empty and was never looked at when the date came, the second one's is used up."""
    await shop.program(pending=UNTIL, negative=negative)
    placed, later = shop.now, instant(shop.now + timedelta(days=1))
    await shop.order("1", 10_000, first)
    await shop.days(1)
    await shop.order("1", 10_000, second, placed_at=placed, updated_at=later)
    await shop.days(3)
    redemption = await shop.pay(100, "x", second)
    if verb == "return":
        await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    await merged(shop, "b", "c")
    await shop.post(f"redemptions/{redemption['redemption_id']}/{verb}", {})
    await shop.check()
    assert await shop.numbers("c") == (100, 0, 0, 0)


@WAYS
@MODES
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


@WAYS
@pytest.mark.parametrize(("negative", "left"), [("clamp", 0), ("allow", 0), ("pending_only", 100)])
async def test_what_was_spent_of_it_can_be_given_back(
    shop: World, first: str, second: str, negative: str, left: int
) -> None:
    """The first one's lot is empty and active, the second one's is pending: points that come back can be spent."""
    await shop.program(pending=PENDING, negative=negative)
    await shop.order("1", 10_000, first, placed_at=shop.now - timedelta(days=10))
    redemption = await shop.pay(100, "x", first)
    await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    later = instant(shop.now + timedelta(seconds=1))
    await shop.order("1", 10_000, second, placed_at=shop.now - timedelta(days=1), updated_at=later)
    await merged(shop, "b", "c")
    member = await shop.member("c")
    assert (member["balance"], member["pending"]) == (left, 0), "its 100 were spent; pending_only takes nothing active"
    await shop.post(f"redemptions/{redemption['redemption_id']}/return", {})
    await shop.check()
    await shop.days(5)
    await shop.check()
    member = await shop.member("c")
    assert (member["balance"], member["pending"], member["held"]) == (left + 100, 0, 0)


async def test_an_order_owes_nothing_while_points_of_it_are_there(shop: World) -> None:
    """The first one spent the points, so the order owes them; the second one has the same points once more."""
    await shop.order("1", 10_000, "b")
    redemption = await shop.pay(100, "x", "b")
    await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    later = [instant(shop.now + timedelta(seconds=after)) for after in (1, 2)]
    await shop.order("1", 10_000, "c", updated_at=later[0])
    await merged(shop, "b", "c")
    assert (await shop.numbers("c"), await shop.lots("c")) == ((0, 0, 0, 0), [])
    await shop.order("1", 10_100, "c", updated_at=later[1])
    await shop.check()
    assert await shop.balance("c") == 1


@MODES
async def test_points_that_ran_out_hide_no_deficit(shop: World, negative: str) -> None:
    """The second one's lot was pending past its end, and becomes spendable with what the first one holds."""
    await shop.program(
        pending={"kind": "delivered", "days": 2}, expiry={"kind": "rolling", "days": 10}, negative=negative
    )
    delivered = {"fulfilment_state": "delivered"}
    at = shop.now - timedelta(days=3)
    await shop.order("1", 10_000, "b", placed_at=at - timedelta(days=2), delivered_at=instant(at), **delivered)
    await shop.days(0.01)
    await shop.pay(100, "x", "b")
    later, placed = instant(shop.now + timedelta(seconds=1)), shop.now - timedelta(days=20)
    now = instant(shop.now)
    await shop.order("1", 10_000, "c", placed_at=placed, delivered_at=now, updated_at=later, **delivered)
    await merged(shop, "b", "c")
    await shop.days(5)
    await shop.check()


@WAYS
@pytest.mark.parametrize("window", ["calendar_year", "rolling_12m"])
@pytest.mark.parametrize("used", ["held", "spent"])
async def test_points_count_for_a_tier_as_soon_as_they_can_be_spent(
    shop: World, first: str, second: str, window: str, used: str
) -> None:
    """The first one's lot is active and used, the second one's would be pending for two more days."""
    levels = [{"id": "s", "threshold": 100}]
    tiers = {"basis": "points", "window": window, "downgrade": "full", "levels": levels}
    await shop.program(pending=PENDING, tiers=tiers, negative="pending_only")
    await shop.order("1", 10_000, first, placed_at=shop.now - timedelta(days=10))
    redemption = await shop.pay(100, "x", first)
    if used == "spent":
        await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    later = instant(shop.now + timedelta(seconds=1))
    await shop.order("1", 10_000, second, placed_at=shop.now - timedelta(days=1), updated_at=later)
    await merged(shop, "b", "c")
    (lot,) = await shop.lots("c")
    assert lot["available_at"] <= instant(shop.now)
    assert await shop.tier("c") == "s"
    await shop.days(5)
    assert await shop.tier("c") == "s"
    await shop.check()
