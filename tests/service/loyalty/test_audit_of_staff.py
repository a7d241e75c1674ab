"""What people of the shop do by hand is in the audit trail; what checkouts, orders and time do is not."""

import pytest

from tests.service.loyalty.express_till import Ways, confirm, hold, ready
from tests.service.loyalty.world import Json, World, line

POOL: Json = {"reward_id": "r", "kind": "partner", "name": "Code", "points": 10, "code_pool": True}


async def trail(shop: World, kind: str) -> list[tuple[str, str, str, Json]]:
    """The lines of a kind of target, newest first."""
    rows = (await shop.get("audit", limit=100))["items"]
    return [
        (one["actor"], one["action"], one["target"], one["detail"])
        for one in rows
        if one["action"].startswith(f"{kind}.")
    ]


async def test_codes_that_are_added_are_told_by_their_number_not_by_themselves(shop: World) -> None:
    await shop.post("rewards", POOL)
    await shop.post("rewards/r/codes", {"codes": ["SECRET-1", "SECRET-2", "SECRET-1"]})
    await shop.post("rewards/r/codes", {"generate": 3})
    await shop.post("rewards/r/codes", {"codes": ["SECRET-3"], "generate": 1})
    assert await trail(shop, "codes") == [
        ("test", "codes.added", "r", {"imported": 1, "generated": 1}),
        ("test", "codes.added", "r", {"imported": 0, "generated": 3}),
        ("test", "codes.added", "r", {"imported": 2, "generated": 0}),
    ]


async def test_codes_that_are_refused_leave_no_line(shop: World) -> None:
    await shop.post("rewards", POOL)
    await shop.post("rewards/r/codes", {"codes": ["A"]})
    await shop.post("rewards/r/codes", {"codes": ["A", "B"]}, status=409)
    await shop.post("rewards/r/codes", {}, status=422)
    assert len(await trail(shop, "codes")) == 1


async def test_a_cancelled_and_a_returned_redemption_name_who_did_it(shop: World) -> None:
    await shop.post("rewards", {**POOL, "code_pool": False})
    await shop.adjust(100)
    first = await shop.pay(60, "o1")
    await shop.post(f"redemptions/{first['redemption_id']}/cancel")
    second = await shop.post("members/c1/redemptions", {"reward_id": "r"})
    await shop.post(f"redemptions/{second['redemption_id']}/confirm")
    await shop.post(f"redemptions/{second['redemption_id']}/return")
    for one in (first, second):
        for verb in ("cancel", "return"):
            await shop.post(f"redemptions/{one['redemption_id']}/{verb}", status=409)
    assert await trail(shop, "redemption") == [
        (
            "test",
            "redemption.returned",
            second["redemption_id"],
            {"customer_id": "c1", "points": 10, "reward_id": "r", "order_id": None},
        ),
        (
            "test",
            "redemption.cancelled",
            first["redemption_id"],
            {"customer_id": "c1", "points": 60, "reward_id": None, "order_id": "o1"},
        ),
    ]


async def test_a_part_that_an_order_gave_back_before_is_not_returned_by_hand(shop: World) -> None:
    await shop.program(spent_points="proportional", rules=[])
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    await shop.order("1001", lines=[line("1", 5000), line("2", 5000)], discounts=discounts)
    await shop.refund("1001", 4250, "r1", lines=[{"line_id": "1", "quantity": 1, "amount": 5000}])
    before = await shop.balance()
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    ((_, _, _, detail),) = await trail(shop, "redemption")
    assert detail["points"] == await shop.balance() - before == 150


@pytest.mark.parametrize("known", [True, False], ids=["express", "locked"])
async def test_the_till_orders_and_time_are_the_ledgers_to_tell(
    shop: World, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    ways = Ways().watch(monkeypatch)
    await ready(shop, 300)
    if not known:
        shop.service.runtime.state.clear()
    await confirm(shop, await hold(shop))
    assert ways.long == (0 if known else 1)
    held = await shop.pay(100, "1001")
    discounts = [{"code": held["code"], "kind": "points", "amount": 500}]
    await shop.order("1001", 10_000, discounts=discounts)
    await shop.cancel_order("1001", 10_000, discounts=discounts, updated_at="2026-03-10T12:05:00Z")
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "returned"
    await shop.pay(10, "1002")
    await shop.days(1)
    assert await trail(shop, "redemption") == []
