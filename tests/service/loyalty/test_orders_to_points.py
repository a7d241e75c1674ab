"""One order in, points out: what a new shop has without any set-up."""

import itertools

import pytest

from tests.service.loyalty.world import World, event, instant, line


async def test_a_paid_order_earns_a_point_per_hundred_minor_units(shop: World) -> None:
    await shop.order("1001", 12_345)
    member = await shop.member()
    assert (member["balance"], member["lifetime_earned"], member["pending"]) == (123, 123, 0)
    (transaction,) = await shop.transactions()
    assert transaction["type"] == "earned"
    assert transaction["order_id"] == "1001"
    assert transaction["rule_ids"] == ["base"]
    (told,) = await shop.told("points.earned")
    assert (told["points"], told["balance"], told["order_id"]) == (123, 123, "1001")
    assert told["transaction_id"] == transaction["id"]


async def test_an_order_delivered_a_hundred_times_changes_nothing(shop: World) -> None:
    first = shop.order_event("1001")
    await shop.take(first)
    before = await shop.snapshot()
    await shop.take(*[first] * 100)
    for _ in range(3):
        await shop.take(first)
    assert await shop.snapshot() == before
    assert len(await shop.published()) == 1


async def test_a_refund_takes_back_what_the_rest_does_not_earn(shop: World) -> None:
    await shop.order("1001", 10_000)
    await shop.refund("1001", 7_500)
    assert await shop.balance() == 25
    assert await shop.kinds() == [("earned", 100), ("clawed_back", -75)]
    (told,) = await shop.told("points.clawed_back")
    assert (told["points"], told["reason"], told["balance"]) == (75, "order_refunded", 25)


async def test_placed_paid_two_refunds_and_cancel_end_equal_in_every_order(shop: World) -> None:
    ends = set()
    for number, sequence in enumerate(itertools.permutations(range(5))):
        order_id, customer = f"o{number}", f"m{number}"
        lines = [line("1", 2000, 2), line("2", 550)]
        story = [
            shop.order_event(order_id, customer=customer, lines=lines, payment_state="pending", kind="order.placed"),
            shop.order_event(order_id, customer=customer, lines=lines, updated_at="2026-03-10T12:01:00Z"),
            shop.refund_event(order_id, 1000, "r1", lines=[{"line_id": "1", "quantity": 1, "amount": 1000}]),
            shop.refund_event(order_id, 550, "r2", lines=[{"line_id": "2", "quantity": 1, "amount": 550}]),
            shop.order_event(
                order_id, customer=customer, lines=lines, state="cancelled", updated_at="2026-03-10T12:04:00Z"
            ),
        ]
        for place in sequence:
            await shop.take(story[place])
        ends.add(await shop.numbers(customer))
    assert ends == {(0, 0, 0, 0)}
    await shop.check()


async def test_an_order_of_a_shop_not_yet_known_waits_and_is_settled_when_the_shop_comes(shop: World) -> None:
    await shop.take(shop.order_event("1", shop="late"), shop.order_event("2", shop="late"))
    other = shop.service.client("late")
    await shop.get("program", client=other, status=404)
    await shop.shop("late")
    assert (await shop.get("members/c1", client=other))["balance"] == 200


async def test_an_order_without_a_customer_waits_for_one(shop: World) -> None:
    await shop.order("1001", customer=None)
    await shop.get("members/c1", status=404)
    explained = await shop.get("orders/1001/explanation")
    assert explained["note"] == "no_customer"
    await shop.order("1001", customer="c1", updated_at="2026-03-10T12:05:00Z")
    assert await shop.balance() == 100


async def test_an_order_that_changes_its_customer_moves_its_points(shop: World) -> None:
    await shop.order("1001", customer="c1")
    await shop.order("1001", customer="c2", updated_at="2026-03-10T12:05:00Z")
    assert await shop.numbers("c1") == (0, 0, 0, 0)
    assert await shop.balance("c2") == 100
    assert await shop.kinds("c1") == [("earned", 100), ("clawed_back", -100)]
    await shop.order("1001", customer="c1", updated_at="2026-03-10T12:06:00Z")
    assert await shop.balance("c1") == 100
    assert await shop.balance("c2") == 0
    explained = await shop.get("orders/1001/explanation")
    assert sum(one["points"] for one in explained["postings"]) == 100


async def test_a_refund_seen_before_its_order_is_kept(shop: World) -> None:
    await shop.refund("1001", 7_500)
    await shop.get("orders/1001/post-purchase", status=404)
    await shop.order("1001", 10_000)
    assert await shop.balance() == 25
    assert await shop.kinds() == [("earned", 25)]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("members/nobody", "member_unknown"),
        ("orders/none/explanation", "order_unknown"),
        ("redemptions/none", "redemption_unknown"),
        ("rewards/none", "reward_unknown"),
    ],
)
async def test_unknown_ids_are_404(shop: World, path: str, code: str) -> None:
    assert (await shop.get(path, status=404))["code"] == code


async def test_another_shop_sees_nothing_of_this_one(shop: World) -> None:
    await shop.shop("other")
    await shop.order("1001")
    other = shop.service.client("other")
    await shop.get("members/c1", client=other, status=404)
    await shop.get("orders/1001/explanation", client=other, status=404)
    assert (await shop.get("members", client=other))["items"] == []


async def test_the_thank_you_page_has_points_and_the_next_reward(shop: World) -> None:
    await shop.order("1001", 3_400)
    part = await shop.get("orders/1001/post-purchase")
    assert (part["points_earned"], part["points_pending"], part["balance"], part["tier"]) == (34, 0, 34, None)
    assert part["next_reward"]["points_missing"] == 66
    async with shop.service.customer("c2") as stranger:
        await shop.get("orders/1001/post-purchase", client=stranger, status=404)
    async with shop.service.customer("c1") as buyer:
        assert (await shop.get("orders/1001/post-purchase", client=buyer))["points_earned"] == 34


@pytest.mark.parametrize("name", ["guest:1", "c1"])
async def test_whoever_was_merged_sees_their_orders_under_each_of_their_ids(shop: World, name: str) -> None:
    await shop.order("g", 3_400, customer="guest:1")
    await shop.order("1", 1_000, customer="c1")
    await shop.order("x", 1_000, customer="c2")
    await shop.take(event("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(shop.now)}, at=shop.now))
    async with shop.service.customer(name) as buyer:
        for order_id in ("g", "1"):
            assert (await shop.get(f"orders/{order_id}/post-purchase", client=buyer))["balance"] == 44
        await shop.get("orders/x/post-purchase", client=buyer, status=404)


async def test_preview_equals_what_is_posted(shop: World) -> None:
    order = {
        "order_id": "1001",
        "currency": "EUR",
        "lines": [line("1", 2_590), line("2", 999)],
        "total": 3_589,
        "placed_at": "2026-03-10T11:00:00Z",
        "updated_at": "2026-03-10T11:00:00Z",
    }
    shown = await shop.post("earn/preview", {"order": order, "customer_id": "c1"})
    assert (shown["points"], shown["pending"]) == (35, 0)
    await shop.order("1001", lines=[line("1", 2_590), line("2", 999)])
    assert await shop.balance() == shown["points"]
    assert (await shop.get("orders/1001/explanation"))["lines"] == shown["lines"]


async def test_preview_of_a_posted_order_uses_what_was_fixed_for_it(shop: World) -> None:
    await shop.program(rules=[{"id": "base"}, {"id": "first", "kind": "first_purchase", "points": 50}])
    await shop.order("1", 10_000)
    await shop.order("2", 1_000)
    order = {
        "order_id": "1",
        "currency": "EUR",
        "lines": [line("1", 10_000)],
        "total": 10_000,
        "placed_at": "2026-03-10T11:00:00Z",
        "updated_at": "2026-03-10T11:00:00Z",
    }
    assert (await shop.post("earn/preview", {"order": order, "customer_id": "c1"}))["points"] == 150
    assert (await shop.post("earn/preview", {"order": {**order, "order_id": "3"}, "customer_id": "c1"}))[
        "points"
    ] == 100
