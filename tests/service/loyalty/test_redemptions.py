"""Spending: holds, their end, and pay with points. Case ids are those of cases/loyalty.md."""

from datetime import timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import World, event, instant, line


async def test_c29_the_same_order_and_points_twice_is_one_redemption(shop: World) -> None:
    await shop.adjust(1000)
    first = await shop.pay(300, "X", status=201)
    again = await shop.pay(300, "X", status=200)
    assert again == first
    assert await shop.numbers() == (700, 0, 300, 0)


@pytest.mark.parametrize(
    ("policy", "status", "numbers"), [("trim", 201, (0, 0, 200, 0)), ("reject", 409, (200, 0, 0, 0))]
)
async def test_c30_more_than_the_balance(shop: World, policy: str, status: int, numbers: tuple[int, ...]) -> None:
    await shop.program(on_insufficient=policy)
    await shop.adjust(200)
    answer = await shop.pay(500, "X", status=status)
    if status == 409:
        assert answer["code"] == "not_enough_points"
    assert await shop.numbers() == numbers


async def test_c31_a_cancelled_hold_gives_its_points_back_once_with_their_own_expiry(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 12})
    await shop.adjust(1000)
    (before,) = await shop.lots()
    held = await shop.pay(300, "X")
    await shop.days(20)
    await shop.adjust(1)  # a later lot, which must not get them
    assert (await shop.pay(300, "Y"))["state"] == "held"
    await shop.post(f"redemptions/{held['redemption_id']}/cancel", status=409)  # its 30 minutes were over
    assert [one["state"] for one in (await shop.get("members/c1/redemptions"))["items"]] == ["held", "expired"]
    assert await shop.balance() == 701
    (lot, _) = await shop.lots()
    assert lot["expires_at"] == before["expires_at"]
    assert lot["remaining"] == 1000
    assert [kind for kind, _ in await shop.kinds()].count("released") == 1


CASES_C32 = [
    ({"max_share": "0.5"}, 1000, 5000, 10_000, 1000),
    ({"max_share": "0.5"}, 1000, 700, 10_000, 700),
    ({"max_share": "0.5"}, 10_000, 10_000, 10_000, 5000),
    ({"max_share": "1.0"}, 400, 10_000, 100_000, None),
]


@pytest.mark.parametrize(
    ("rules", "asked", "balance", "total", "taken"), CASES_C32, ids=["all", "balance", "share", "min"]
)
async def test_c32_pay_with_points(
    shop: World, rules: dict[str, Any], asked: int, balance: int, total: int, taken: int | None
) -> None:
    await shop.program(
        on_insufficient="trim", redemption={"points": 1, "value": 1, "min_points": 500, "step": 1, **rules}
    )
    await shop.adjust(balance)
    answer = await shop.pay(asked, total=total, status=201 if taken else 409)
    if taken is None:
        assert answer["code"] == "below_min_points"
    else:
        assert (answer["points"], answer["value"]) == (taken, taken)


HALF_OF_IT: dict[str, Any] = {"redemption": {"points": 1, "value": 1, "max_share": "0.5"}, "rules": []}


@pytest.mark.parametrize("step", ["hold", "confirm"])
@pytest.mark.parametrize(("mode", "left"), [("trim", 5_000), ("reject", 7_000)])
async def test_c32_the_share_is_of_the_order_however_many_holds_pay_for_it(
    shop: World, mode: str, left: int, step: str
) -> None:
    await shop.program(on_insufficient=mode, **HALF_OF_IT)
    await shop.adjust(20_000)
    held = await shop.pay(3_000, total=10_000)
    if step == "confirm":
        await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    assert (await shop.pay(3_000, total=10_000, status=200))["redemption_id"] == held["redemption_id"]
    if mode == "trim":
        assert (await shop.pay(4_000, total=10_000, status=201))["points"] == 2_000
    else:
        refused = await shop.pay(4_000, total=10_000, status=409)
        assert refused["code"] == "above_max_share"
        assert "takes at most 2000 points" in refused["detail"]
        assert "beside the 3000" in refused["detail"]
    assert (await shop.pay(100, total=6_000, status=409))["code"] == "above_max_share"
    assert (await shop.pay(7_000, total=20_000, status=201))["points"] == left


@pytest.mark.parametrize("end", ["cancel", "return", "time", "another order"])
async def test_c32_what_does_not_pay_for_the_order_leaves_its_share(shop: World, end: str) -> None:
    await shop.program(**HALF_OF_IT)
    await shop.adjust(20_000)
    held = await shop.pay(3_000, "y" if end == "another order" else "x", total=10_000)
    if end == "return":
        await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    if end in ("cancel", "return"):
        await shop.post(f"redemptions/{held['redemption_id']}/{end}")
    shop.clock.now += timedelta(hours=end == "time")
    assert (await shop.pay(5_000, total=10_000, status=201))["points"] == 5_000


async def test_c34_a_point_is_worth_what_the_program_says(shop: World) -> None:
    await shop.program(redemption={"points": 1, "value": 200})
    await shop.adjust(50)
    held = await shop.pay(20, "A", total=10_000)
    assert held["value"] == 4_000
    await shop.post(f"redemptions/{held['redemption_id']}/cancel")
    assert (await shop.pay(50, "B", total=10_000))["value"] == 10_000


async def test_c36_delete_before_and_after_confirm(shop: World) -> None:
    await shop.post("rewards", {"reward_id": "r", "kind": "free_shipping", "name": "Free shipping", "points": 15})
    await shop.adjust(20)
    held = await shop.post("members/c1/redemptions", {"reward_id": "r"}, status=201)
    assert await shop.numbers() == (5, 0, 15, 0)
    await shop.post(f"redemptions/{held['redemption_id']}/cancel", {})
    assert await shop.numbers() == (20, 0, 0, 0)
    held = await shop.post("members/c1/redemptions", {"reward_id": "r"})
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    assert await shop.numbers() == (5, 0, 0, 0)
    refused = await shop.post(f"redemptions/{held['redemption_id']}/cancel", status=409)
    assert refused["code"] == "redemption_not_held"


async def test_c37_points_limit(shop: World) -> None:
    await shop.program(on_insufficient="trim", redemption={"points": 1, "value": 1})
    await shop.adjust(12)
    assert (await shop.pay(100))["points"] == 12


@pytest.mark.parametrize(("points", "spent"), [(None, 123), (100, 100)])
async def test_c39_a_hold_is_posted_whole_or_in_part(shop: World, points: int | None, spent: int) -> None:
    await shop.adjust(123)
    held = await shop.pay(123)
    path = f"redemptions/{held['redemption_id']}/confirm"
    done = await shop.post(path, None if points is None else {"points": points})
    assert (done["state"], done["points"]) == ("spent", spent)
    assert await shop.numbers() == (123 - spent, 0, 0, 0)
    assert (await shop.post(path, status=409))["code"] == "redemption_not_held"


async def test_c39_a_hold_that_is_cancelled_posts_nothing(shop: World) -> None:
    await shop.adjust(123)
    held = await shop.pay(123)
    await shop.post(f"redemptions/{held['redemption_id']}/cancel")
    assert await shop.numbers() == (123, 0, 0, 0)
    await shop.post(f"redemptions/{held['redemption_id']}/cancel", status=409)
    await shop.post(f"redemptions/{held['redemption_id']}/return", status=409)


async def test_c40_a_hold_is_refused_when_it_is_made_not_when_it_is_confirmed(shop: World) -> None:
    await shop.adjust(100)
    first = await shop.pay(70, "A")
    await shop.post(f"redemptions/{first['redemption_id']}/confirm")
    assert (await shop.pay(50, "B", status=409))["code"] == "not_enough_points"


async def test_a_spent_redemption_is_given_back_once(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(60)
    path = f"redemptions/{held['redemption_id']}"
    assert (await shop.post(f"{path}/return", status=409))["code"] == "redemption_not_spent"
    await shop.post(f"{path}/confirm")
    done = await shop.post(f"{path}/return", {})
    assert (done["state"], done["returned_points"]) == ("returned", 60)
    assert await shop.balance() == 100
    assert (await shop.post(f"{path}/return", status=409))["code"] == "redemption_not_spent"
    assert await shop.kinds() == [("adjusted", 100), ("held", -60), ("spent", -60), ("returned", 60)]


async def test_a_hold_for_an_order_ends_after_half_an_hour(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(60)
    assert held["expires_at"] == "2026-03-10T12:30:00Z"
    await shop.move_to(shop.now + timedelta(minutes=29))
    assert await shop.balance() == 40
    await shop.move_to(shop.now + timedelta(minutes=1))
    assert await shop.balance() == 100
    await shop.post(f"redemptions/{held['redemption_id']}/confirm", status=409)
    assert (await shop.pay(60, status=201))["redemption_id"] != held["redemption_id"]


async def test_a_reward_has_a_code_for_thirty_days(shop: World) -> None:
    await shop.order("1001")
    (reward,) = (await shop.get("rewards"))["items"]
    assert (reward["points"], reward["value"], reward["currency"]) == (100, 500, "EUR")
    held = await shop.post("members/c1/redemptions", {"reward_id": reward["reward_id"]})
    assert held["expires_at"] == "2026-04-09T12:00:00Z"
    assert held["code"]
    assert await shop.numbers() == (0, 0, 100, 0)
    again = await shop.post("members/c1/redemptions", {"reward_id": reward["reward_id"]}, status=409)
    assert again["code"] == "not_enough_points"


async def test_an_order_with_a_held_code_spends_it_and_its_cancellation_gives_the_points_back(shop: World) -> None:
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    await shop.order("1001", 10_000, discounts=discounts)
    assert await shop.numbers() == (85, 0, 0, 0)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "spent"
    (redeemed,) = await shop.told("points.redeemed")
    assert (redeemed["points"], redeemed["order_id"]) == (300, "1001")
    await shop.cancel_order("1001", 10_000, discounts=discounts, updated_at="2026-03-10T12:05:00Z")
    assert await shop.numbers() == (300, 0, 0, 0)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "returned"


@pytest.mark.parametrize(
    ("mode", "after_half", "after_all"),
    [("full_return_only", 0, 300), ("proportional", 150, 300), ("never", 0, 0)],
)
async def test_spent_points_after_refunds(shop: World, mode: str, after_half: int, after_all: int) -> None:
    await shop.program(spent_points=mode, rules=[])
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    discounts = [{"code": held["code"], "kind": "points", "amount": 1500}]
    await shop.order("1001", lines=[line("1", 5000), line("2", 5000)], discounts=discounts)
    await shop.refund("1001", 4250, "r1", lines=[{"line_id": "1", "quantity": 1, "amount": 5000}])
    assert await shop.balance() == after_half
    await shop.refund("1001", 4250, "r2", lines=[{"line_id": "2", "quantity": 1, "amount": 5000}])
    assert await shop.balance() == after_all
    await shop.refund("1001", 4250, "r2", lines=[{"line_id": "2", "quantity": 1, "amount": 5000}])
    assert await shop.balance() == after_all


async def test_c69_one_key_is_one_redemption(shop: World) -> None:
    await shop.adjust(300)
    body = {"points": 100, "order_id": "A", "order_total": 10_000, "currency": "EUR"}
    headers = {"Idempotency-Key": "k1"}
    first = await shop.client.post("/v1/loyalty/members/c1/redemptions", json=body, headers=headers)
    again = await shop.client.post("/v1/loyalty/members/c1/redemptions", json=body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replay"] == "true"
    other = await shop.client.post("/v1/loyalty/members/c1/redemptions", json={**body, "points": 50}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await shop.numbers() == (200, 0, 100, 0)


BAD_BODIES = [
    {},
    {"reward_id": "r", "points": 1},
    {"points": 0, "order_id": "x", "order_total": 1, "currency": "EUR"},
    {"points": 1.5, "order_id": "x", "order_total": 1, "currency": "EUR"},
    {"points": 1, "order_id": "x", "order_total": 1, "currency": "euro"},
    {"points": 1, "order_id": "a/b", "order_total": 1, "currency": "EUR"},
    {"points": 1, "order_id": "x", "order_total": 1},
    {"reward_id": "r", "surprise": True},
]


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_a_bad_body_is_422_and_changes_nothing(shop: World, body: dict[str, Any]) -> None:
    await shop.adjust(100)
    before = await shop.snapshot()
    await shop.post("members/c1/redemptions", body, status=422)
    assert await shop.snapshot() == before


@pytest.mark.parametrize("verb", ["confirm", "cancel", "return"])
async def test_verbs_refuse_unknown_fields_and_ids(shop: World, verb: str) -> None:
    await shop.adjust(100)
    held = await shop.pay(10)
    refused = await shop.post(f"redemptions/{held['redemption_id']}/{verb}", {"surprise": 1}, status=422)
    assert [one["pointer"] for one in refused["errors"]] == ["/surprise"]
    assert (await shop.post(f"redemptions/none/{verb}", status=404))["code"] == "redemption_unknown"
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "held"


async def test_a_refused_call_leaves_everything_as_it_was(shop: World) -> None:
    await shop.order("1001")
    before = await shop.snapshot()
    await shop.pay(1_000, status=409)
    await shop.post("members/c1/redemptions", {"reward_id": "none"}, status=404)
    await shop.post("members/nobody/redemptions", {"reward_id": "amount-off-100"}, status=404)
    await shop.adjust(-1_000, status=409)
    assert await shop.snapshot() == before


async def test_a_cancelled_order_puts_the_reward_of_its_code_back_into_stock(shop: World) -> None:
    reward = await shop.post(
        "rewards", {"kind": "free_shipping", "name": "Free shipping", "points": 100, "stock": 1}, status=201
    )
    await shop.adjust(100)
    held = await shop.post("members/c1/redemptions", {"reward_id": reward["reward_id"]}, status=201)
    discounts = [{"code": held["code"], "kind": "shipping", "amount": 0}]
    await shop.order("1001", 10_000, discounts=discounts)
    assert (await shop.get(f"rewards/{reward['reward_id']}"))["stock"] == 0
    for _ in range(2):
        await shop.cancel_order("1001", 10_000, discounts=discounts, updated_at="2026-03-10T12:05:00Z")
        assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "returned"
        assert (await shop.get(f"rewards/{reward['reward_id']}"))["stock"] == 1


@pytest.mark.parametrize("ending", ["time", "confirm", "cancel"])
async def test_a_hold_of_somebody_who_is_erased_ends_as_any_other(shop: World, ending: str) -> None:
    await shop.adjust(100)
    held = await shop.pay(100)
    await shop.take(event("customer.erased", {"customer_id": "c1", "at": instant(shop.now)}, at=shop.now))
    if ending == "time":
        await shop.days(1)
    else:
        await shop.post(f"redemptions/{held['redemption_id']}/{ending}", status=200)
    found = await shop.get(f"redemptions/{held['redemption_id']}")
    assert found["state"] == {"time": "expired", "confirm": "spent", "cancel": "cancelled"}[ending]
    assert (await shop.get("reports/liability"))["points"] == (0 if ending == "confirm" else 100)
    await shop.get("members/c1", status=404)


async def test_a_code_counts_however_it_was_typed(shop: World) -> None:
    await shop.adjust(300)
    held = await shop.pay(300, "1001")
    discounts = [{"code": held["code"].lower(), "kind": "points", "amount": 1500}]
    await shop.order("1001", 10_000, discounts=discounts)
    assert await shop.numbers() == (85, 0, 0, 0)
    assert (await shop.get(f"redemptions/{held['redemption_id']}"))["state"] == "spent"


async def test_of_two_codes_that_differ_in_case_an_order_takes_its_own(shop: World) -> None:
    await shop.adjust(30)
    await shop.post("rewards", {"reward_id": "r", "kind": "partner", "name": "Cinema", "points": 10, "code_pool": True})
    await shop.post("rewards/r/codes", {"codes": ["ABC", "abc"]})
    upper, lower = [await shop.post("members/c1/redemptions", {"reward_id": "r"}) for _ in range(2)]
    assert (upper["code"], lower["code"]) == ("ABC", "abc")
    await shop.order("1001", 10_000, discounts=[{"code": "abc", "kind": "other", "amount": 0}])
    states = [(await shop.get(f"redemptions/{one['redemption_id']}"))["state"] for one in (upper, lower)]
    assert states == ["held", "spent"]
