"""What an order gave back of the points spent on it follows from what the order is, in whichever way it became so."""

from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest

from comeback_kit.events import Event
from tests.service.loyalty.world import START, World, changes, event, instant, line

LINES: Final = [line("1", 5_000), line("2", 5_000)]


async def spent(shop: World, *, stock: int | None = None) -> Any:
    """A redemption of 300 points in two lots that the order 1001 of two lines pays with."""
    await shop.adjust(200, expires_at="2027-01-01T00:00:00Z")
    await shop.adjust(400, expires_at="2028-01-01T00:00:00Z")
    if stock is None:
        held = await shop.pay(300, "1001")
    else:
        await shop.post(
            "rewards", {"reward_id": "r", "kind": "free_shipping", "name": "R", "points": 300, "stock": stock}
        )
        held = await shop.post("members/c1/redemptions", {"reward_id": "r"})
    await shop.take(order(shop, held, 0))
    return held


def order(shop: World, held: Any, minutes: int, **more: Any) -> Event:
    """The order as it is so many minutes later."""
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    at = START + timedelta(minutes=minutes)
    return shop.order_event("1001", lines=LINES, discounts=discounts, at=at, placed_at=START, **more)


def cancelled(shop: World, held: Any, minutes: int = 1) -> Event:
    return order(shop, held, minutes, kind="order.cancelled", state="cancelled")


def reopened(shop: World, held: Any, minutes: int = 2, **more: Any) -> Event:
    return order(shop, held, minutes, kind="order.updated", state="open", **more)


async def redemption(shop: World, held: Any) -> tuple[str, int]:
    found = await shop.get(f"redemptions/{held['redemption_id']}")
    return found["state"], found["returned_points"]


async def lots(shop: World) -> list[int]:
    return [one["remaining"] for one in await shop.lots()]


@pytest.mark.parametrize("arrival", ["in turn", "in reverse", "together"])
async def test_an_order_that_was_cancelled_and_lives_on(shop: World, arrival: str) -> None:
    await shop.program(rules=[])
    held = await spent(shop, stock=5)
    events = [cancelled(shop, held), reopened(shop, held)]
    if arrival == "in reverse":
        events.reverse()
    await shop.take(*events, together=arrival == "together")
    assert await redemption(shop, held) == ("spent", 0)
    assert await lots(shop) == [300]
    assert (await shop.get("rewards/r"))["stock"] == 4
    assert len(await shop.told("points.redeemed")) == len(await shop.told("reward.redeemed")) == 1
    before = await shop.everything()
    await shop.take(*events, together=False)
    assert changes(before, await shop.everything()) == []
    await shop.take(cancelled(shop, held, 3))
    assert await redemption(shop, held) == ("returned", 300)
    assert await lots(shop) == [200, 400]
    assert (await shop.get("rewards/r"))["stock"] == 5


async def test_an_order_that_does_not_name_the_code(shop: World) -> None:
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    for state, balance in (("open", 0), ("cancelled", 300), ("open", 0)):
        shop.clock.now += timedelta(minutes=1)
        await shop.order("1001", 0, state=state)
        assert await shop.balance() == balance


@pytest.mark.parametrize("first", [2_500, 4_000, 8_500])
async def test_a_refund_that_is_corrected_to_less(shop: World, first: int) -> None:
    await shop.program(rules=[], spent_points="proportional")
    held = await spent(shop)
    for amount, minutes in ((first, 1), (1_700, 2)):
        refunds = [{"refund_id": "r1", "at": instant(START), "amount": amount}]
        await shop.take(order(shop, held, minutes, kind="order.updated", refunds=refunds))
    state, returned = await redemption(shop, held)
    assert (state, returned) == ("spent", 51)  # as for a refund of 1,700 of 10,000 at once
    assert await lots(shop) == [351]
    await shop.take(cancelled(shop, held, 3))
    assert await lots(shop) == [200, 400]


async def test_what_was_returned_by_hand_stays_returned(shop: World) -> None:
    await shop.program(rules=[], spent_points="proportional")
    held = await spent(shop)
    refunds = [{"refund_id": "r1", "at": instant(START), "amount": 5_000}]
    await shop.take(order(shop, held, 1, kind="order.updated", refunds=refunds))
    assert await redemption(shop, held) == ("spent", 150)
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.take(cancelled(shop, held, 2))
    await shop.take(reopened(shop, held, 3))
    refunds[0]["amount"] = 1
    await shop.take(order(shop, held, 4, kind="order.updated", refunds=refunds))
    assert (await redemption(shop, held))[0] == "spent"
    assert (await redemption(shop, held))[1] == 150


async def test_all_of_it_returned_by_hand_is_not_taken_again(shop: World) -> None:
    await shop.program(rules=[])
    held = await spent(shop)
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.take(cancelled(shop, held))
    await shop.take(reopened(shop, held))
    assert await redemption(shop, held) == ("returned", 300)
    assert await lots(shop) == [200, 400]


@pytest.mark.parametrize(("negative", "balance", "returned"), [("clamp", 0, 250), ("allow", -250, 0)])
async def test_points_that_were_spent_meanwhile(shop: World, negative: str, balance: int, returned: int) -> None:
    await shop.program(rules=[], negative=negative)
    held = await spent(shop)
    await shop.take(cancelled(shop, held))
    other = await shop.pay(550, "other")
    await shop.post(f"redemptions/{other['redemption_id']}/confirm")
    await shop.take(reopened(shop, held))
    assert await redemption(shop, held) == ("spent", returned)
    assert await shop.balance() == balance
    await shop.check()
    await shop.take(cancelled(shop, held, 3))
    assert await redemption(shop, held) == ("returned", 300)
    assert await shop.balance() == 50
    await shop.post(f"redemptions/{other['redemption_id']}/return")
    assert await shop.balance() == 600


@pytest.mark.parametrize("negative", ["clamp", "pending_only", "allow"])
async def test_points_that_ran_out_as_they_came_back(shop: World, negative: str) -> None:
    await shop.program(rules=[], negative=negative)
    await shop.adjust(300, expires_at=instant(START + timedelta(minutes=20)))
    held = await shop.pay(300, "1001")
    await shop.take(order(shop, held, 0))
    await shop.move_to(START + timedelta(hours=1))
    await shop.take(cancelled(shop, held, 60))
    assert await shop.numbers() == (0, 0, 0, 0)
    await shop.take(reopened(shop, held, 61))
    assert await redemption(shop, held) == ("spent", 0)
    assert await shop.numbers() == (0, 0, 0, 0)


async def test_the_account_that_the_member_was_merged_into(shop: World) -> None:
    await shop.program(rules=[], spent_points="proportional")
    held = await spent(shop)
    refunds = [{"refund_id": "r1", "at": instant(START), "amount": 5_000}]
    await shop.take(order(shop, held, 1, kind="order.updated", refunds=refunds))
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.take(event("customer.merged", {"from": "c1", "into": "c2", "at": instant(START)}, at=START))
    await shop.take(reopened(shop, held, 2, payment_state="refunded"))
    await shop.take(reopened(shop, held, 3, refunds=[{**refunds[0], "amount": 1}]))
    assert await redemption(shop, held) == ("spent", 150)


@pytest.mark.parametrize("more", [0, 60])
async def test_other_lots_that_pay_for_a_corrected_refund_get_their_own_back(shop: World, more: int) -> None:
    """Lots that the redemption took from are in part returned and in part not, with those of others in between."""
    await shop.program(rules=[], spent_points="proportional")
    await shop.adjust(300 - more, expires_at="2027-01-01T00:00:00Z")
    if more:
        await shop.adjust(more, expires_at="2028-01-01T00:00:00Z")
    held = await shop.pay(300, "1001")
    await shop.take(order(shop, held, 0))
    refunds = [{"refund_id": "r1", "at": instant(START), "amount": 5_000}]
    await shop.take(order(shop, held, 1, kind="order.updated", refunds=refunds))
    other = await shop.pay(150 - more, "other")
    await shop.post(f"redemptions/{other['redemption_id']}/confirm")
    await shop.adjust(200, expires_at="2029-01-01T00:00:00Z")
    refunds[0]["amount"] = 2_000
    await shop.take(order(shop, held, 2, kind="order.updated", refunds=refunds))
    assert await redemption(shop, held) == ("spent", 60)
    assert await lots(shop) == [110 + more]
    await shop.take(cancelled(shop, held, 3))
    assert await redemption(shop, held) == ("returned", 300)
    assert await lots(shop) == [150, *([more] if more else []), 200]
    await shop.post(f"redemptions/{other['redemption_id']}/return")
    assert await lots(shop) == [300 - more, *([more] if more else []), 200]


def without_lines(one: Event) -> Event:
    """The same event of a shop that says of an order what it comes to alone."""
    data = msgspec.json.decode(one.data)
    data["order"]["lines"] = []
    return event(one.type, data, at=START)


@pytest.mark.parametrize("mode", ["full_return_only", "proportional", "never"])
async def test_an_order_without_lines(shop: World, mode: str) -> None:
    await shop.program(rules=[], spent_points=mode)
    await shop.adjust(600)
    held = await shop.pay(300, "1001")
    back = 0 if mode == "never" else 300
    await shop.take(without_lines(order(shop, held, 0)))
    for minutes in (1, 3):
        await shop.take(without_lines(cancelled(shop, held, minutes)))
        assert await shop.balance() == 300 + back
        await shop.take(without_lines(reopened(shop, held, minutes + 1)))
        assert await redemption(shop, held) == ("spent", 0)
        assert await shop.balance() == 300
    refunds = [{"refund_id": "r1", "at": instant(START), "amount": 1_000}]
    await shop.take(without_lines(reopened(shop, held, 5, refunds=refunds)))
    assert await redemption(shop, held) == ("spent", 0)
    refunds[0]["amount"] = 8_500
    await shop.take(without_lines(reopened(shop, held, 6, refunds=refunds)))
    assert await shop.balance() == 300 + back
