"""No number of a member passes what every reader of JSON holds exactly (2^53 − 1), whatever orders come to."""

from typing import Any

import pytest

from comeback_kit.bodies import MAX_SAFE_INTEGER
from tests.service.loyalty.test_customers import activity
from tests.service.loyalty.world import World

ONE_PER_UNIT: list[dict[str, Any]] = [{"id": "base", "points": 1, "per": 1}]
MANY_PER_UNIT: list[dict[str, Any]] = [{"id": "base", "points": 10**9, "per": 1}]
PENDING = {"kind": "days", "days": 3}


async def test_a_second_huge_order_earns_what_there_is_room_for(shop: World) -> None:
    await shop.program(rules=ONE_PER_UNIT)
    await shop.order("1", MAX_SAFE_INTEGER - 10)
    await shop.order("2", MAX_SAFE_INTEGER)
    await shop.order("3", 100)
    found = await shop.member()
    assert (found["balance"], found["lifetime_earned"]) == (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    assert [points for _, points in await shop.kinds()] == [MAX_SAFE_INTEGER - 10, 10]
    explained = await shop.get("orders/2/explanation")
    assert (explained["points"], explained["settled"]) == (MAX_SAFE_INTEGER, 10)


async def test_orders_of_one_batch_share_the_room(shop: World) -> None:
    await shop.program(rules=MANY_PER_UNIT)
    await shop.take(*[shop.order_event(str(number), MAX_SAFE_INTEGER) for number in range(3)])
    assert await shop.balance() == MAX_SAFE_INTEGER


async def test_pending_points_take_room_too(shop: World) -> None:
    await shop.program(rules=ONE_PER_UNIT, pending=PENDING)
    await shop.take(*[shop.order_event(str(number), MAX_SAFE_INTEGER // 2) for number in range(3)])
    assert await shop.numbers() == (0, MAX_SAFE_INTEGER, 0, 0)
    await shop.days(4)
    assert await shop.numbers() == (MAX_SAFE_INTEGER, 0, 0, 0)


async def test_a_full_member_still_buys_and_gets_the_rest_with_the_next_event_once_there_is_room(shop: World) -> None:
    await shop.adjust(MAX_SAFE_INTEGER)
    await shop.order("1")
    assert await shop.balance() == MAX_SAFE_INTEGER
    await shop.adjust(-70)
    await shop.order("1", updated_at="2026-03-10T12:00:01Z", number="again")
    assert await shop.balance() == MAX_SAFE_INTEGER
    await shop.refund("1", 10_000)
    assert await shop.balance() == MAX_SAFE_INTEGER - 70


async def test_what_an_order_owes_is_forgiven_without_room(shop: World) -> None:
    await shop.order("1")
    await shop.adjust(-100)
    await shop.order("1", state="cancelled", updated_at="2026-03-10T12:00:01Z")
    assert await shop.numbers() == (0, 0, 0, 100)
    await shop.adjust(MAX_SAFE_INTEGER)
    await shop.order("1", updated_at="2026-03-10T12:00:02Z")
    assert await shop.numbers() == (MAX_SAFE_INTEGER, 0, 0, 0)


async def test_what_was_cut_off_is_taken_back_only_as_far_as_it_was_given(shop: World) -> None:
    await shop.program(rules=ONE_PER_UNIT)
    await shop.order("1", MAX_SAFE_INTEGER - 10)
    await shop.order("2", 100)
    await shop.refund("2", 50)
    assert await shop.balance() == MAX_SAFE_INTEGER
    await shop.refund("2", 45, "r2")
    assert await shop.balance() == MAX_SAFE_INTEGER - 5
    await shop.refund("2", 5, "r3")
    assert await shop.balance() == MAX_SAFE_INTEGER - 10


@pytest.mark.parametrize("rate", ["1", "999999999"])
async def test_spend_of_any_number_of_huge_orders_is_a_number_still(shop: World, rate: str) -> None:
    levels = [{"id": "gold", "threshold": 1_000}]
    await shop.program(
        rules=[{"id": "base", "points": 1, "per": 10**9}],
        tiers={"basis": "spend", "window": "ever", "levels": levels},
        currency_rates={"USD": rate},
    )
    for number in range(3):
        await shop.order(str(number), MAX_SAFE_INTEGER, currency="USD")
    (member,) = (await shop.snapshot(["members"]))["members"]
    assert (member["lifetime_spend"], member["lifetime_orders"]) == (MAX_SAFE_INTEGER, 3)
    assert await shop.tier() == "gold"
    for number in range(3):
        await shop.cancel_order(str(number), MAX_SAFE_INTEGER, currency="USD", updated_at="2026-03-10T12:00:01Z")
    (member,) = (await shop.snapshot(["members"]))["members"]
    assert (member["lifetime_spend"], member["lifetime_orders"]) == (0, 0)


async def test_an_activity_pays_what_there_is_room_for(shop: World) -> None:
    rule = {"id": "review", "kind": "activity", "activity": "review", "points": 50, "limit": {"period": "ever"}}
    await shop.program(rules=[rule])
    await shop.adjust(MAX_SAFE_INTEGER - 20)
    await shop.take(activity(shop, "a"))
    await shop.take(activity(shop, "b"))
    assert await shop.balance() == MAX_SAFE_INTEGER
    assert [points for _, points in await shop.kinds()] == [MAX_SAFE_INTEGER - 20, 20]


@pytest.mark.parametrize("left", [0, 20])
async def test_a_level_gives_what_there_is_room_for(shop: World, left: int) -> None:
    await shop.program(tiers={"levels": [{"id": "gold", "threshold": 100, "entry": {"points": 50}}]})
    await shop.adjust(MAX_SAFE_INTEGER - 100 - left)
    await shop.order("1")
    assert await shop.tier() == "gold"
    assert await shop.balance() == MAX_SAFE_INTEGER
    assert [points for _, points in await shop.kinds()][1:] == [100, left][: 1 + bool(left)]
