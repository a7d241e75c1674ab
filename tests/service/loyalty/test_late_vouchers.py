"""An order that was placed while its code was held spends it, however late its event comes (CONTRACT §4)."""

from datetime import timedelta
from typing import Any, Final

import pytest

from comeback_kit.events import Event
from tests.service.loyalty.world import START, World, changes, event, instant

PLACED: Final = START + timedelta(minutes=7)
ARRIVALS: Final = ["in time", "before the timer rang", "after the timer rang"]
REWARD: Final = {"reward_id": "mug", "kind": "free_product", "product_id": "m", "name": "Mug", "points": 300}


async def hold(shop: World, kind: str, **reward: Any) -> Any:
    """Hold 300 points for the order 1001, or as the price of a reward."""
    if kind == "order":
        return await shop.pay(300, "1001", status=201)
    await shop.post("rewards", {**REWARD, **reward}, status=201)
    return await shop.post("members/c1/redemptions", {"reward_id": "mug"}, status=201)


def carrying(shop: World, held: Any, order_id: str = "1001", **more: Any) -> Event:
    """The order of 12:07 with the code."""
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    return shop.order_event(order_id, at=PLACED, discounts=discounts, **more)


async def arrive(shop: World, held: Any, arrival: str, *events: Event) -> None:
    """Let the events come at 12:07, or after the hold's time was up."""
    if arrival == "in time":
        shop.clock.now = PLACED
    else:
        await run_out(shop, held, rings=arrival == "after the timer rang")
    await shop.take(*events)
    await shop.work()


async def run_out(shop: World, held: Any, *, rings: bool = True) -> None:
    """Ten minutes after the end of the hold."""
    shop.clock.now = max(START + timedelta(minutes=30), ends_of(held)) + timedelta(minutes=10)
    if rings:
        await shop.work()
        assert (await redemption(shop, held))["state"] == "expired"


def ends_of(held: Any) -> Any:
    return START.fromisoformat(held["expires_at"].replace("Z", "+00:00"))


async def redemption(shop: World, held: Any) -> Any:
    return await shop.get(f"redemptions/{held['redemption_id']}")


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("kind", ["order", "reward"])
async def test_an_order_of_the_holds_time_spends_it_whenever_it_comes(shop: World, kind: str, arrival: str) -> None:
    await shop.adjust(200, expires_at="2027-01-01T00:00:00Z")
    await shop.adjust(400, expires_at="2028-01-01T00:00:00Z")
    held = await hold(shop, kind)
    await arrive(shop, held, arrival, carrying(shop, held))
    one = await redemption(shop, held)
    assert (one["state"], one["points"], one["order_id"]) == ("spent", 300, "1001")
    assert await shop.numbers() == (300 + 85, 0, 0, 0)
    assert [lot["remaining"] for lot in await shop.lots()] == [300, 85]
    (redeemed,) = await shop.told("points.redeemed")
    assert (redeemed["points"], redeemed["order_id"], redeemed["redemption_id"]) == (300, "1001", one["redemption_id"])
    assert len(await shop.told("reward.redeemed")) == (kind == "reward")


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_points_go_back_where_they_came_from_once_the_order_is_cancelled(shop: World, arrival: str) -> None:
    await shop.adjust(200, expires_at="2027-01-01T00:00:00Z")
    await shop.adjust(400, expires_at="2028-01-01T00:00:00Z")
    held = await hold(shop, "reward", stock=1)
    await arrive(shop, held, arrival, carrying(shop, held))
    assert (await shop.get("rewards/mug"))["stock"] == 0
    cancelled = carrying(shop, held, kind="order.cancelled", state="cancelled", updated_at=instant(shop.now))
    for _ in range(2):
        await shop.take(cancelled)
        assert (await redemption(shop, held))["state"] == "returned"
        assert (await shop.get("rewards/mug"))["stock"] == 1
        assert [lot["remaining"] for lot in await shop.lots()] == [200, 400]


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("together", [True, False])
async def test_an_order_that_comes_with_its_cancellation(shop: World, arrival: str, together: bool) -> None:
    await shop.adjust(300)
    held = await hold(shop, "reward", stock=1)
    placed = carrying(shop, held)
    cancelled = carrying(
        shop, held, kind="order.cancelled", state="cancelled", updated_at=instant(PLACED + timedelta(minutes=1))
    )
    if together:
        await arrive(shop, held, arrival, placed, cancelled)
    else:
        await arrive(shop, held, arrival, cancelled)
    assert (await redemption(shop, held))["state"] == "returned"
    assert (await shop.get("rewards/mug"))["stock"] == 1
    assert await shop.numbers() == (300, 0, 0, 0)


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_a_part_of_the_order_is_refunded(shop: World, arrival: str) -> None:
    await shop.program(spent_points="proportional", rules=[])
    await shop.adjust(200, expires_at="2027-01-01T00:00:00Z")
    await shop.adjust(400, expires_at="2028-01-01T00:00:00Z")
    held = await hold(shop, "order")
    await arrive(shop, held, arrival, carrying(shop, held))
    await shop.refund("1001", 5_000)
    found = await redemption(shop, held)
    assert (found["state"], found["returned_points"]) == ("spent", 150)
    assert [lot["remaining"] for lot in await shop.lots()] == [50, 400]


@pytest.mark.parametrize("arrival", ["before the timer rang", "after the timer rang"])
async def test_the_same_order_again_changes_nothing(shop: World, arrival: str) -> None:
    await shop.adjust(300)
    held = await hold(shop, "reward", stock=3)
    order = carrying(shop, held)
    await arrive(shop, held, arrival, order)
    before = await shop.everything()
    await shop.take(order)
    await shop.take(carrying(shop, held, kind="order.updated"))
    assert changes(before, await shop.everything()) == []


async def test_a_later_change_of_the_order_takes_nothing_again(shop: World) -> None:
    await shop.adjust(900)
    held = await hold(shop, "reward", stock=3)
    await arrive(shop, held, "after the timer rang", carrying(shop, held))
    await shop.take(carrying(shop, held, number="7", updated_at=instant(shop.now)))
    assert (await shop.numbers())[0] == 600 + 85
    assert (await shop.get("rewards/mug"))["stock"] == 2


@pytest.mark.parametrize(
    ("placed", "state"),
    [
        (START - timedelta(seconds=1), "expired"),
        (START, "spent"),
        (START + timedelta(minutes=30, seconds=-1), "spent"),
        (START + timedelta(minutes=30), "expired"),
    ],
)
@pytest.mark.parametrize("rings", [True, False], ids=["after the timer rang", "before the timer rang"])
async def test_an_order_of_another_time_takes_nothing(shop: World, placed: Any, state: str, rings: bool) -> None:
    await shop.adjust(300)
    shop.clock.now = START + timedelta(milliseconds=300)  # shops stamp orders in whole seconds
    held = await hold(shop, "order")
    await run_out(shop, held, rings=rings)
    ends = ends_of(held)
    placed = placed if placed < ends.replace(microsecond=0) else ends
    await shop.take(carrying(shop, held, placed_at=placed))
    await shop.work()
    assert (await redemption(shop, held))["state"] == state
    assert await shop.numbers() == (385 if state == "expired" else 85, 0, 0, 0)


async def test_what_was_cancelled_by_hand_stays_free(shop: World) -> None:
    await shop.adjust(300)
    held = await hold(shop, "order")
    await shop.post(f"redemptions/{held['redemption_id']}/cancel")
    shop.clock.now += timedelta(minutes=40)
    await shop.take(carrying(shop, held))
    assert (await redemption(shop, held))["state"] == "cancelled"
    assert (await shop.numbers())[0] == 385


async def test_the_hold_of_an_order_that_does_not_carry_its_code_stays_free(shop: World) -> None:
    await shop.adjust(300)
    held = await hold(shop, "order")
    await run_out(shop, held)
    await shop.take(shop.order_event("1001", at=PLACED))
    assert (await redemption(shop, held))["state"] == "expired"


@pytest.mark.parametrize("first", ["late", "other"])
async def test_stock_that_is_gone_is_not_given_twice(shop: World, first: str) -> None:
    """The one piece has gone to somebody else, and the late order has it nevertheless: the first back is owed."""
    await shop.adjust(300)
    for one in ("c2", "c3"):
        await shop.adjust(300, one)
    held = await hold(shop, "reward", stock=1, limit_per_member=1)
    await run_out(shop, held)
    other = await shop.post("members/c2/redemptions", {"reward_id": "mug"}, status=201)
    await shop.take(carrying(shop, held))
    assert (await redemption(shop, held))["state"] == "spent"
    for stock, who in enumerate(["late", "other"] if first == "late" else ["other", "late"]):
        assert (await shop.get("rewards/mug"))["stock"] == 0
        refused = await shop.post("members/c3/redemptions", {"reward_id": "mug"}, status=409)
        assert refused["code"] == "out_of_stock"
        shown = await shop.get("me/rewards", client=shop.service.customer("c3"))
        assert "mug" not in [one["reward_id"] for one in shown["items"]]
        if who == "late":
            await shop.cancel_order("1001", updated_at=instant(shop.now))
        else:
            await shop.post(f"redemptions/{other['redemption_id']}/cancel", status=200)
        assert (await shop.get("rewards/mug"))["stock"] == stock


async def test_a_tier_gives_nothing_that_is_owed(shop: World) -> None:
    for one in ("c1", "c2"):
        await shop.adjust(300, one)
    held = await hold(shop, "reward", stock=1)
    await run_out(shop, held)
    await shop.post("members/c2/redemptions", {"reward_id": "mug"}, status=201)
    await shop.take(carrying(shop, held))
    gold = {"id": "gold", "name": "Gold", "threshold": 1_000, "entry": {"reward_ids": ["mug"]}}
    await shop.program(tiers={"basis": "points", "levels": [gold]})
    for one in ("c4", "c5", "c6"):
        await shop.order(one, 150_000, one)
    assert [await shop.tier(one) for one in ("c4", "c5", "c6")] == ["gold"] * 3
    for one in ("c4", "c5", "c6"):
        assert (await shop.get(f"members/{one}/redemptions"))["items"] == []
    together = [shop.order_event(f"{n}", 150_000, f"d{n}") for n in range(3)]
    await shop.take(*together)
    assert [(await shop.get(f"members/d{n}/redemptions"))["items"] for n in range(3)] == [[]] * 3


async def test_a_limit_is_not_asked_again(shop: World) -> None:
    await shop.adjust(600)
    held = await hold(shop, "reward", limit_per_member=1)
    await run_out(shop, held)
    await shop.post("members/c1/redemptions", {"reward_id": "mug"}, status=201)
    await shop.take(carrying(shop, held))
    assert (await redemption(shop, held))["state"] == "spent"
    assert await shop.numbers() == (85, 0, 300, 0)


async def test_other_lots_pay_where_the_first_ones_were_used(shop: World) -> None:
    await shop.program(rules=[])
    await shop.adjust(300, expires_at="2027-01-01T00:00:00Z")
    held = await hold(shop, "order")
    await run_out(shop, held)
    other = await shop.pay(200, "other")
    await shop.adjust(400, expires_at="2028-01-01T00:00:00Z")
    await shop.adjust(50, expires_at="2026-12-01T00:00:00Z")
    await shop.take(carrying(shop, held))
    assert [lot["remaining"] for lot in await shop.lots()] == [200, 250]  # 200 are held, 150 of the 400 were taken
    await shop.cancel_order("1001", updated_at=instant(shop.now))
    assert [lot["remaining"] for lot in await shop.lots()] == [300, 400, 50]
    await shop.post(f"redemptions/{other['redemption_id']}/cancel")
    assert [lot["remaining"] for lot in await shop.lots()] == [300, 400, 50]


@pytest.mark.parametrize(
    ("negative", "balance", "spent", "afterwards"),
    [("clamp", 0, 100, 100), ("pending_only", 0, 100, 100), ("allow", -200, 300, 100)],
)
@pytest.mark.parametrize("kind", ["order", "reward"])
async def test_points_that_are_gone(
    shop: World, kind: str, negative: str, balance: int, spent: int, afterwards: int
) -> None:
    """Only with ``allow`` may a member owe points; what was taken comes back, no more and no less."""
    await shop.program(negative=negative, rules=[])
    await shop.adjust(300)
    held = await hold(shop, kind)
    await run_out(shop, held)
    other = await shop.pay(200, "other")
    await shop.post(f"redemptions/{other['redemption_id']}/confirm")
    await shop.take(carrying(shop, held))
    one = await redemption(shop, held)
    assert (one["state"], one["points"]) == ("spent", spent)
    assert one["value"] == (5 * spent if kind == "order" else None)
    assert await shop.numbers() == (balance, 0, 0, 0)
    assert [entry["points"] for entry in await shop.told("points.redeemed")] == [200, spent]
    assert (await shop.kinds())[-2:] == [("held", -spent), ("spent", -spent)]
    await shop.check()
    await shop.cancel_order("1001", updated_at=instant(shop.now))
    assert (await redemption(shop, held))["state"] == "returned"
    assert await shop.numbers() == (afterwards, 0, 0, 0)
    await shop.post(f"redemptions/{other['redemption_id']}/return")
    assert await shop.numbers() == (300, 0, 0, 0)
    liability = await shop.get("reports/liability")
    assert liability["points"] == 300


@pytest.mark.parametrize("negative", ["clamp", "allow"])
async def test_nothing_at_all_is_left(shop: World, negative: str) -> None:
    await shop.program(negative=negative, rules=[])
    await shop.adjust(300)
    held = await hold(shop, "order")
    await run_out(shop, held)
    other = await shop.pay(300, "other")
    await shop.post(f"redemptions/{other['redemption_id']}/confirm")
    order = carrying(shop, held)
    await shop.take(order)
    one = await redemption(shop, held)
    assert (one["state"], one["points"]) == ("spent", 0 if negative == "clamp" else 300)
    assert (await shop.numbers())[0] == (0 if negative == "clamp" else -300)
    await shop.adjust(500)  # fills what is below 0
    assert (await shop.numbers())[0] == (500 if negative == "clamp" else 200)
    await shop.take(order)
    await shop.cancel_order("1001", updated_at=instant(shop.now))
    assert (await shop.numbers())[0] == 500
    await shop.days(1)


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_a_member_who_was_merged_meanwhile(shop: World, arrival: str) -> None:
    await shop.adjust(300)
    held = await hold(shop, "order")
    order = carrying(shop, held)
    if arrival == "in time":
        await arrive(shop, held, arrival, order)
    else:
        await run_out(shop, held, rings=arrival == "after the timer rang")
    await shop.take(event("customer.merged", {"from": "c1", "into": "c2", "at": instant(shop.now)}, at=shop.now))
    await shop.take(order)
    assert (await redemption(shop, held))["state"] == "spent"
    assert await shop.numbers("c2") == (85, 0, 0, 0)


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("negative", ["clamp", "allow", "pending_only"])
async def test_points_that_ran_out_as_the_hold_ended(shop: World, negative: str, arrival: str) -> None:
    await shop.program(negative=negative, rules=[])
    await shop.adjust(300, expires_at=instant(START + timedelta(minutes=20)))
    await shop.adjust(500)
    held = await hold(shop, "order")
    order = carrying(shop, held)
    await arrive(shop, held, arrival, order)
    found = await redemption(shop, held)
    assert (found["state"], found["points"]) == ("spent", 300)
    assert await shop.numbers() == (500, 0, 0, 0)
    (month,) = (await shop.get("reports/months"))["items"]
    assert (month["spent"], month["expired"]) == (300, 0)
    shop.clock.now = START + timedelta(hours=1)
    await shop.take(carrying(shop, held, kind="order.cancelled", state="cancelled", updated_at=instant(shop.now)))
    assert await shop.numbers() == (500, 0, 0, 0)
    (month,) = (await shop.get("reports/months"))["items"]
    assert (month["returned"], month["expired"]) == (300, 300)
    assert (await shop.kinds())[-2:] == [("returned", 300), ("expired", -300)]


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("how", ["cancelled", "cancelled twice", "by hand", "cancelled with the order"])
async def test_a_member_is_told_once_of_points_that_run_out(shop: World, how: str, arrival: str) -> None:
    """They ran out as the hold ended, and once more as the late order gave them back; 50 others did in between."""
    await shop.program(rules=[])
    await shop.adjust(350, expires_at=instant(START + timedelta(minutes=20)))
    held = await hold(shop, "order")
    orders = [carrying(shop, held)]
    for minutes, state in ((50, "cancelled"), (51, "open"), (52, "cancelled")):
        at = instant(START + timedelta(minutes=minutes))
        orders.append(carrying(shop, held, kind="order.updated", state=state, updated_at=at))
    await arrive(shop, held, arrival, *orders[: 2 if how == "cancelled with the order" else 1])
    await shop.move_to(START + timedelta(hours=1))
    if how == "by hand":
        await shop.post(f"redemptions/{held['redemption_id']}/return")
    elif how != "cancelled with the order":
        for order in orders[1 : 4 if how == "cancelled twice" else 2]:
            await shop.take(order)
    assert (await redemption(shop, held))["state"] == "returned"
    assert await shop.numbers() == (0, 0, 0, 0)
    assert sum(one["points"] for one in await shop.told("points.expired")) == 350
    assert all(one["points"] > 0 for one in await shop.told("points.expired"))
    (month,) = (await shop.get("reports/months"))["items"]
    assert month["expired"] == 350


async def test_points_of_one_lot_that_run_out_for_two_orders_are_each_told_once(shop: World) -> None:
    """Those of the second run out while a late order has those of the first, which then come back."""
    await shop.program(rules=[])
    await shop.adjust(100, expires_at=instant(START + timedelta(minutes=50)))
    first = await shop.pay(60, "1001", status=201)
    shop.clock.now += timedelta(minutes=25)
    await shop.pay(40, "1002", status=201)
    await shop.move_to(START + timedelta(minutes=52))
    await shop.take(carrying(shop, first))
    await shop.move_to(START + timedelta(minutes=58))
    updated = instant(shop.now)
    await shop.take(carrying(shop, first, kind="order.cancelled", state="cancelled", updated_at=updated))
    assert await shop.numbers() == (0, 0, 0, 0)
    assert [one["points"] for one in await shop.told("points.expired")] == [60, 40]


async def test_a_late_order_does_not_silence_what_runs_out_in_its_batch(shop: World) -> None:
    """It takes points of which was told that they ran out; others of the lot come back, and run out for the first."""
    await shop.program(rules=[])
    await shop.adjust(100, expires_at=instant(START + timedelta(minutes=50)))
    late, in_time = [await shop.pay(points, str(points), status=201) for points in (60, 40)]
    await shop.take(carrying(shop, in_time, "40"))
    await shop.move_to(START + timedelta(minutes=52))
    gone = {"kind": "order.cancelled", "state": "cancelled", "updated_at": instant(shop.now)}
    await shop.take(carrying(shop, late, "1"), carrying(shop, in_time, "40", **gone))
    assert (await redemption(shop, late))["state"] == "spent"
    assert await shop.numbers() == (0, 0, 0, 0)
    assert [one["points"] for one in await shop.told("points.expired")] == [60, 40]


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_somebody_who_was_erased_meanwhile(shop: World, arrival: str) -> None:
    await shop.adjust(400)
    held = await hold(shop, "order")
    if arrival == "after the timer rang":
        await run_out(shop, held)
    await shop.take(event("customer.erased", {"customer_id": "c1", "at": instant(PLACED)}, at=shop.now))
    await arrive(shop, held, arrival, carrying(shop, held, customer=None))
    assert (await redemption(shop, held))["state"] == "spent"
    assert (await shop.get("reports/liability"))["points"] == 100


async def test_of_two_orders_the_first_to_come_has_the_code(shop: World) -> None:
    await shop.adjust(900)
    held = await hold(shop, "order")
    await run_out(shop, held)
    await shop.take(carrying(shop, held, "1002"), carrying(shop, held, "1001"))
    assert (await redemption(shop, held))["order_id"] == "1002"
    assert (await shop.numbers())[0] == 600 + 2 * 85


async def test_what_came_late_and_was_returned_by_hand_stays_returned(shop: World) -> None:
    await shop.adjust(300)
    held = await hold(shop, "order")
    await arrive(shop, held, "after the timer rang", carrying(shop, held))
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.take(carrying(shop, held, number="7", updated_at=instant(shop.now)))
    assert (await redemption(shop, held))["state"] == "returned"
    assert (await shop.numbers())[0] == 385


async def for_nothing(shop: World, **reward: Any) -> Any:
    """A late order's redemption of which no point was left."""
    await shop.adjust(300)
    held = await hold(shop, "reward", stock=1, limit_per_member=1, **reward)
    await run_out(shop, held)
    other = await shop.pay(300, "other")
    await shop.post(f"redemptions/{other['redemption_id']}/confirm")
    await shop.take(carrying(shop, held))
    found = await redemption(shop, held)
    assert (found["state"], found["points"]) == ("spent", 0)
    return held


@pytest.mark.parametrize("mode", ["full_return_only", "proportional", "never"])
async def test_a_redemption_of_nothing_ends_with_its_order_and_lives_on_with_it(shop: World, mode: str) -> None:
    await shop.program(spent_points=mode, rules=[])
    held = await for_nothing(shop)
    await shop.adjust(300)
    await shop.refund("1001", 5_000)
    for minutes in range(1, 7):
        shop.clock.now += timedelta(minutes=1)
        is_open = minutes % 2 == 0
        kind, state = ("order.updated", "open") if is_open else ("order.cancelled", "cancelled")
        ends = carrying(shop, held, kind=kind, state=state, updated_at=instant(shop.now))
        expected = ("spent", 0) if is_open or mode == "never" else ("returned", 1)
        for _ in range(2):
            await shop.take(ends)
            assert ((await redemption(shop, held))["state"], (await shop.get("rewards/mug"))["stock"]) == expected
    assert await shop.numbers() == (300, 0, 0, 0)
    assert len(await shop.told("reward.redeemed")) == 1
    await shop.cancel_order("1001", updated_at=instant(shop.now + timedelta(minutes=1)))
    status = 409 if mode == "never" else 201
    await shop.post("members/c1/redemptions", {"reward_id": "mug"}, status=status)  # only one per member


async def test_a_redemption_of_nothing_that_was_returned_by_hand_stays_returned(shop: World) -> None:
    await shop.program(negative="clamp", rules=[])
    held = await for_nothing(shop)
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    for state in ("cancelled", "open"):
        shop.clock.now += timedelta(minutes=1)
        await shop.take(carrying(shop, held, state=state, updated_at=instant(shop.now)))
        assert (await redemption(shop, held))["state"] == "returned"
        assert (await shop.get("rewards/mug"))["stock"] == 1
