"""Erasures that are delivered again, late, or for several ids of one person."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import pytest

from tests.service.loyalty.test_customers import customer, erased, merged
from tests.service.loyalty.world import Json, World, changes, event, instant


async def test_an_erasure_that_comes_again_forgets_nobody_who_has_come_back(shop: World) -> None:
    await shop.order("1")
    first = erased(shop)
    await shop.take(first)
    await shop.get("members/c1", status=404)
    shop.clock.now += timedelta(days=1)
    await shop.take(customer(shop, tags=["vip"]))
    await shop.order("2")
    before = await shop.everything()
    await shop.take(first)
    assert changes(before, await shop.everything()) == []
    assert await shop.balance() == 200


async def test_a_later_erasure_forgets_them_again(shop: World) -> None:
    await shop.order("1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.order("2")
    assert await shop.balance() == 200
    shop.clock.now += timedelta(days=1)
    await shop.take(erased(shop))
    await shop.get("members/c1", status=404)


@pytest.mark.parametrize("minutes", [0, -5], ids=["same_instant", "told_late"])
async def test_the_erasure_of_an_id_that_joined_does_not_stand_for_that_of_the_account(
    shop: World, minutes: int
) -> None:
    await shop.take(customer(shop, birthday="1990-05-05", at=shop.now - timedelta(days=1)))
    await shop.order("g", customer="guest:1")
    await shop.order("1")
    await shop.take(erased(shop, "guest:1"))
    await shop.take(merged(shop, "guest:1", "c1"))
    await shop.take(erased(shop, at=shop.now + timedelta(minutes=minutes)))
    await shop.get("members/c1", status=404)
    assert (await shop.snapshot(["profiles"]))["profiles"] == []


@pytest.mark.parametrize("together", [True, False], ids=["one_batch", "one_by_one"])
async def test_who_comes_back_after_an_erasure_is_known_also_where_both_are_of_one_batch(
    shop: World, together: bool
) -> None:
    await shop.take(customer(shop, birthday="1990-05-05", tags=["old"], at=shop.now - timedelta(days=1)))
    gone, late = erased(shop), customer(shop, tags=["late"], at=shop.now - timedelta(minutes=1))
    shop.clock.now += timedelta(minutes=1)
    back = customer(shop, kind="customer.registered", birthday="1991-06-06")
    await shop.take(gone, late, back, together=together)
    assert await shop.numbers() == (0, 0, 0, 0)
    (profile,) = (await shop.snapshot(["profiles"]))["profiles"]
    assert (profile["birthday"], profile["tags"]) == ("1991-06-06", [])
    shop.clock.now += timedelta(minutes=1)
    await shop.take(customer(shop, tags=["new"]), erased(shop), together=together)
    await shop.get("members/c1", status=404)
    assert (await shop.snapshot(["profiles"]))["profiles"] == []


@pytest.mark.parametrize("name", ["c1", "guest:1"])
async def test_who_came_back_has_their_redemptions_under_each_of_their_ids(shop: World, name: str) -> None:
    await shop.order("1", customer="guest:1")
    await shop.take(merged(shop, "guest:1", "c1"))
    held = await shop.pay(10)
    await shop.take(erased(shop))
    await shop.get(f"members/{name}/redemptions", status=404)
    shop.clock.now += timedelta(days=1)
    await shop.order("2", customer="guest:1")
    found = await shop.get(f"members/{name}/redemptions")
    assert [one["redemption_id"] for one in found["items"]] == [held["redemption_id"]]


async def test_who_is_merged_into_an_erased_account_after_its_erasure_has_come_back(shop: World) -> None:
    await shop.order("1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.order("g", 5_000, customer="guest:1")
    await shop.take(merged(shop, "guest:1", "c1"))
    assert await shop.balance() == 150
    assert (await shop.member("guest:1"))["customer_id"] == "c1"
    await shop.check()


async def test_a_merge_revives_also_where_the_shop_is_not_known_yet(shop: World) -> None:
    people = [erased(shop), customer(shop, "guest:1", at=shop.now + timedelta(days=1))]
    await shop.take(*[msgspec.structs.replace(one, shopid="late") for one in people])
    shop.clock.now += timedelta(days=1)
    await shop.take(msgspec.structs.replace(merged(shop, "guest:1", "c1"), shopid="late"))
    await shop.shop("late")
    answer = await shop.service.client("late").get("/v1/loyalty/members/c1")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("later", [-1, 0], ids=["before", "same_instant"])
async def test_a_merge_that_was_before_the_erasure_revives_nobody(shop: World, later: int) -> None:
    """It comes late: the event's time is that of the delivery, the merge says when it was."""
    late = event(
        "customer.merged",
        {"from": "guest:1", "into": "c1", "at": instant(shop.now + timedelta(days=later))},
        at=shop.now + timedelta(days=2),
    )
    await shop.order("1")
    await shop.order("g", customer="guest:1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=2)
    await shop.take(late)
    for name in ("c1", "guest:1"):
        assert (await shop.get(f"members/{name}", status=404))["code"] == "member_unknown"


async def test_who_was_one_with_an_erased_account_is_forgotten_with_it_though_it_is_told_late(shop: World) -> None:
    """The guest's birthday, and what their order said, went to the account and stayed there."""
    late = event("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(shop.now)}, at=shop.now)
    await shop.take(customer(shop, "guest:1", birthday="1990-05-17"))
    await shop.order("g", customer="guest:1", attributes={"gift": "Zebedee"})
    shop.clock.now += timedelta(days=1)
    await shop.order("1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.take(late)
    kept = str(await shop.everything())
    assert [word for word in ("1990-05-17", "Zebedee") if word in kept] == []
    shop.clock.now += timedelta(days=1)
    await shop.order("2")
    assert await shop.balance() == 300


async def test_a_merge_that_does_not_say_when_it_was_was_when_it_was_told(shop: World) -> None:
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.order("g", 5_000, customer="guest:1")
    await shop.take(event("customer.merged", {"from": "guest:1", "into": "c1"}, at=shop.now))
    assert await shop.balance() == 50


async def test_a_merge_of_two_who_were_erased_revives_nobody(shop: World) -> None:
    for name in ("c1", "guest:1"):
        await shop.order(name, customer=name)
        await shop.take(erased(shop, name))
    shop.clock.now += timedelta(days=1)
    await shop.take(merged(shop, "guest:1", "c1"))
    assert (await shop.get("members/c1", status=404))["code"] == "member_unknown"


@pytest.mark.parametrize("levels", [[], [{"id": "first", "threshold": 0, "entry": {"points": 5}}]])
@pytest.mark.parametrize("together", [True, False], ids=["one_batch", "one_by_one"])
@pytest.mark.parametrize(("source", "target"), [("never", "c1"), ("c1", "never")], ids=["into_them", "from_them"])
async def test_an_id_that_nothing_was_heard_of_brings_nobody_back(
    shop: World, source: str, target: str, together: bool, levels: list[Json]
) -> None:
    await shop.program(tiers={"levels": levels})
    await shop.order("1")
    gone = erased(shop)
    shop.clock.now += timedelta(days=1)
    await shop.take(gone, merged(shop, source, target), together=together)
    shop.clock.now += timedelta(days=1)
    late = customer(shop, "never", birthday="1990-05-05", at=shop.now - timedelta(days=3))
    await shop.take(late)
    for name in ("c1", "never"):
        assert (await shop.get(f"members/{name}", status=404))["code"] == "member_unknown"
    assert (await shop.snapshot(["profiles"]))["profiles"] == []
    await shop.order("2", customer="never")
    assert (await shop.member("never"))["customer_id"] == target


async def test_a_merge_with_an_unknown_id_revives_nobody_where_the_shop_is_not_known_yet(shop: World) -> None:
    await shop.take(msgspec.structs.replace(erased(shop), shopid="late"))
    shop.clock.now += timedelta(days=1)
    await shop.take(msgspec.structs.replace(merged(shop, "never", "c1"), shopid="late"))
    await shop.shop("late")
    answer = await shop.service.client("late").get("/v1/loyalty/members/c1")
    assert answer.status_code == 404, answer.text


async def _takes_a_free_reward(shop: World) -> None:
    await shop.post("rewards", {"reward_id": "r", "kind": "free_shipping", "name": "R", "points": 0})
    answer = await shop.service.customer("c1").post("/v1/loyalty/me/redemptions", json={"reward_id": "r"})
    assert answer.status_code == 201, answer.text


async def _owes(shop: World) -> None:
    await shop.adjust(-10)


@pytest.mark.parametrize("does", [_takes_a_free_reward, _owes])
@pytest.mark.parametrize(("source", "target"), [("guest:1", "c1"), ("c1", "guest:1")], ids=["into_them", "from_them"])
async def test_of_somebody_without_a_lot_there_is_something_all_the_same(
    shop: World, source: str, target: str, does: Callable[[World], Awaitable[None]]
) -> None:
    """They have a code, or a debt, and no order or profile: a merge with an erased guest is no reason to lose them."""
    await shop.program(negative="allow")
    await shop.order("1", customer="guest:1")
    await shop.take(erased(shop, "guest:1"))
    shop.clock.now += timedelta(days=1)
    await does(shop)
    await shop.take(merged(shop, source, target))
    assert (await shop.member())["customer_id"] == target
    await shop.check()
