"""Refunds and cancellations of cases/loyalty.md §B, from events to balances."""

import itertools
from typing import Any

import pytest

from tests.service.loyalty.world import World, line

LATER = "2026-03-10T12:30:00Z"


@pytest.mark.parametrize(
    ("allocation", "balances"),
    [("order", [500, 515, 505, 1000]), ("per_line", [500, 515, 507, 1000])],
    ids=["C14 C15 order", "C15 per line"],
)
async def test_c14_c15_a_voucher_for_points_and_refunds_of_items(
    shop: World, allocation: str, balances: list[int]
) -> None:
    await shop.program(discount_allocation=allocation, redemption={"points": 100, "value": 100})
    await shop.adjust(1000)
    held = await shop.pay(500, "1001", total=2000)
    seen = [await shop.balance()]
    lines = [line("1", 1000), line("2", 1000)]
    await shop.order("1001", lines=lines, discounts=[{"code": held["code"], "kind": "points", "amount": 500}])
    seen.append(await shop.balance())
    for number in ("1", "2"):
        await shop.refund("1001", 1000, number, lines=[{"line_id": number, "quantity": 1, "amount": 1000}])
        seen.append(await shop.balance())
    assert seen == balances
    assert (await shop.kinds())[-2:] == [("clawed_back", 500 - balances[2]), ("returned", 500)]


@pytest.mark.parametrize("spent_points", ["full_return_only", "proportional"])
@pytest.mark.parametrize("parts", [[1500], [1000, 500]], ids=["at once", "in two"])
async def test_the_voucher_comes_back_when_all_the_money_does_whatever_lines_say(
    shop: World, spent_points: str, parts: list[int]
) -> None:
    await shop.program(spent_points=spent_points, redemption={"points": 100, "value": 100})
    await shop.adjust(1000)
    held = await shop.pay(500, "1001", total=2000)
    for number, part in enumerate(parts):
        await shop.refund("1001", part, str(number))
    discounts = [{"code": held["code"], "kind": "points", "amount": 500}]
    await shop.order("1001", lines=[line("1", 1000), line("2", 1000)], discounts=discounts)
    assert await shop.numbers() == (1000, 0, 0, 0)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "returned"


async def test_c16_a_partial_refund(shop: World) -> None:
    await shop.order("1001", 10_000)
    await shop.refund("1001", 7_500)
    assert await shop.balance() == 25


async def test_c17_spent_points_are_not_returned_by_a_partial_refund(shop: World) -> None:
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    await shop.order("1001", 10_000, discounts=discounts)
    before = await shop.balance()
    await shop.refund("1001", 7_500, lines=[{"line_id": "1", "quantity": 0, "amount": 7_500}])
    assert (before, await shop.balance()) == (85, 21)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "spent"


@pytest.mark.parametrize(
    ("mode", "numbers", "entry"),
    [("clamp", (0, 0, 0, 100), -50), ("allow", (-100, 0, 0, 0), -150)],
)
async def test_c20_cancelling_an_order_whose_points_were_spent(
    shop: World, mode: str, numbers: tuple[int, ...], entry: int
) -> None:
    await shop.program(negative=mode)
    await shop.order("1001", 15_000)
    held = await shop.pay(100)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.cancel_order("1001", 15_000, updated_at=LATER)
    assert await shop.numbers() == numbers
    assert (await shop.kinds())[-1] == ("clawed_back", entry)
    explained = await shop.get("orders/1001/explanation")
    assert explained["shortfall"] == numbers[3]


async def test_c20_pending_only_takes_pending_points_alone(shop: World) -> None:
    await shop.program(negative="pending_only")
    await shop.order("1001", 15_000)
    await shop.cancel_order("1001", 15_000, updated_at=LATER)
    assert await shop.numbers() == (150, 0, 0, 150)


async def test_c21_a_cancellation_delivered_twice_is_one_clawback(shop: World) -> None:
    await shop.order("1001", 15_000)
    cancelled = shop.order_event("1001", 15_000, kind="order.cancelled", state="cancelled", updated_at=LATER)
    for _ in range(2):
        await shop.take(cancelled)
    assert await shop.kinds() == [("earned", 150), ("clawed_back", -150)]


@pytest.mark.parametrize(
    "rules",
    [[{"id": "base", "points": 2}], [], [{"id": "other", "kind": "fixed", "points": 7}]],
    ids=["doubled", "removed", "replaced"],
)
async def test_c23_a_refund_goes_by_the_rules_that_the_order_earned_under(shop: World, rules: list[Any]) -> None:
    await shop.order("1001", 5_000)
    await shop.days(1)
    changed = await shop.program(rules=rules)
    assert changed["version"] == 2
    await shop.refund("1001", 5_000)
    assert await shop.kinds() == [("earned", 50), ("clawed_back", -50)]
    assert (await shop.get("orders/1001/explanation"))["program_version"] == 1
    await shop.order("1002", 5_000)
    assert (await shop.get("orders/1002/explanation"))["program_version"] == 2


@pytest.mark.parametrize(("mode", "left"), [("proportional", 35), ("recompute", 50)])
async def test_c24_returning_an_item_of_an_order_with_item_rules(shop: World, mode: str, left: int) -> None:
    rules = [
        {"id": "spend", "kind": "per_amount", "points": 1, "per": 1},
        {"id": "a", "kind": "per_item", "points": 10, "when": {"product_ids": ["A"]}},
        {"id": "b", "kind": "per_item", "points": 20, "when": {"product_ids": ["B"]}},
    ]
    await shop.program(rules=rules, clawback_mode=mode)
    lines = [line("a", 10, product_id="A"), line("b", 10, product_id="B"), line("c", 20, product_id="C")]
    await shop.order("1001", lines=lines)
    assert await shop.balance() == 70
    await shop.refund("1001", 20, lines=[{"line_id": "c", "quantity": 1, "amount": 20}])
    assert await shop.balance() == left


async def test_c25_a_visit_is_lost_when_what_remains_is_below_its_minimum(shop: World) -> None:
    await shop.program(rules=[{"id": "visit", "kind": "visit", "points": 5, "when": {"min_amount": 2000}}])
    await shop.order("1001", 2_500)
    await shop.refund("1001", 300, "r1")
    assert await shop.balance() == 5
    await shop.refund("1001", 400, "r2")
    assert await shop.kinds() == [("earned", 5), ("clawed_back", -5)]


async def test_c27_a_cancelled_order_is_undone_by_two_entries(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.adjust(5)
    held = await shop.pay(5, "T1")
    discounts = [{"code": held["code"], "kind": "points", "amount": 25}]
    await shop.order("T1", 1_225, discounts=discounts)
    assert await shop.balance() == 12
    await shop.cancel_order("T1", 1_225, discounts=discounts, updated_at=LATER)
    kinds = await shop.kinds()
    assert sorted(kinds[-2:]) == [("clawed_back", -12), ("returned", 5)]
    assert kinds[:4] == [("adjusted", 5), ("held", -5), ("earned", 12), ("spent", -5)]
    assert await shop.balance() == 5


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
async def test_c72_paid_twice_refund_first_paid_after_refund(shop: World, order: tuple[int, ...]) -> None:
    story = [
        shop.order_event("1001", 10_000, event_id="p1"),
        shop.order_event("1001", 10_000, event_id="p1"),
        shop.order_event("1001", 10_000, event_id="p2"),
        shop.refund_event("1001", 4_000, "r1"),
    ]
    for place in order:
        await shop.take(story[place])
    assert await shop.numbers() == (60, 0, 0, 0)
    assert (await shop.member())["lifetime_earned"] == 60
    kinds = [kind for kind, _ in await shop.kinds()]
    assert kinds.count("earned") == 1
    assert kinds.count("clawed_back") <= 1


async def test_a_hold_that_is_cancelled_after_its_order_pays_the_shortfall(shop: World) -> None:
    await shop.order("1001", 15_000)
    held = await shop.pay(100)
    await shop.cancel_order("1001", 15_000, updated_at=LATER)
    assert await shop.numbers() == (0, 0, 100, 100)
    await shop.post(f"redemptions/{held['redemption_id']}/cancel")
    assert await shop.numbers() == (0, 0, 0, 0)
    told = [(one["points"], one["reason"]) for one in await shop.told("points.clawed_back")]
    assert told == [(50, "order_cancelled"), (100, "shortfall")]


async def test_a_shortfall_is_lowered_by_the_same_order_only(shop: World) -> None:
    await shop.order("1001", 15_000)
    held = await shop.pay(150)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.refund("1001", 15_000, "r1")
    assert await shop.numbers() == (0, 0, 0, 150)
    await shop.order("1002", 10_000)
    assert await shop.numbers() == (100, 0, 0, 150)
    await shop.take(shop.refund_event("1001", 5_000, "r1", at=shop.now.replace(minute=40)))
    assert await shop.numbers() == (100, 0, 0, 50)
