"""What a reward may say, where a wrong one is pointed at, and points that must fit into JSON's integers."""

import json
from typing import Any

import pytest

from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import World, instant

GOOD: dict[str, Any] = {"kind": "amount_off", "name": "5 off", "points": 100, "value": 500}
MOST = 2**53 - 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"value": None}, "/value"),
        ({"kind": "gift_card", "value": None}, "/value"),
        ({"kind": "percent_off"}, "/percent"),
        ({"kind": "percent_off", "percent": "100.5"}, "/percent"),
        ({"kind": "free_product"}, "/product_id"),
        ({"valid_from": "2026-01-01T00:00:00"}, "/valid_from"),
        ({"valid_until": 1_900_000_000}, "/valid_until"),
        ({"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-02-01T00:00:00Z"}, "/valid_until"),
    ],
)
async def test_a_wrong_reward_is_refused_at_its_field(shop: World, changes: dict[str, Any], pointer: str) -> None:
    problem = await shop.post("rewards", {**GOOD, **changes}, status=422)
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


async def test_a_value_without_currency_is_in_the_shops(shop: World) -> None:
    made = await shop.post("rewards", GOOD, status=201)
    assert (made["value"], made["currency"]) == (500, "EUR")


@pytest.mark.parametrize("value", ["2026-05-01T00:00:00", 1_900_000_000, "tomorrow"])
async def test_an_adjustments_dates_are_instants(shop: World, value: Any) -> None:
    problem = await shop.adjust(5, status=422, expires_at=value)
    assert [one["pointer"] for one in problem["errors"]] == ["/expires_at"]


async def test_a_members_points_stay_within_the_integers_of_json(shop: World) -> None:
    await shop.adjust(MOST)
    problem = await shop.adjust(1, status=422)
    assert [one["pointer"] for one in problem["errors"]] == ["/points"]
    await shop.adjust(1, "c2")
    await shop.post("members/c2/transfers", {"to": "c1", "points": 1}, status=422)
    assert (await shop.balance(), await shop.balance("c2")) == (MOST, 1)


async def test_the_liability_of_the_future_is_not_known(shop: World) -> None:
    problem = await shop.get("reports/liability", at="2099-01-01T00:00:00Z", status=422)
    assert problem["code"] == "in_the_future"


async def test_a_pending_lot_is_imported_with_what_is_left_of_it(shop: World) -> None:
    lot = {"points": 60, "earned": 100, "earned_at": "2026-03-01T00:00:00Z", "available_at": "2026-04-01T00:00:00Z"}
    await import_members(shop, json.dumps({"customer_id": "c1", "lots": [lot]}))
    await shop.work()
    assert (await shop.numbers())[:2] == (0, 60)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_a_shops_own_export_comes_back_without_new_points(shop: World, form: str) -> None:
    await shop.order("1001", 10_000)
    await shop.adjust(30)
    await shop.post("members/c1/transfers", {"to": "c2", "points": 10}, status=201)
    await import_members(
        shop, json.dumps({"customer_id": "c3", "lots": [{"points": 7, "earned_at": instant(shop.now)}]})
    )
    await shop.work()
    before = [await shop.balance(one) for one in ("c1", "c2", "c3")]
    out = await shop.client.get(f"/v1/loyalty/exports/members?format={form}")
    await import_members(shop, out.text, "text/csv" if form == "csv" else "application/x-ndjson")
    await shop.work()
    assert [await shop.balance(one) for one in ("c1", "c2", "c3")] == before


async def test_an_answer_can_be_changed_and_sent_back(shop: World) -> None:
    made = await shop.post("rewards", {**GOOD, "reward_id": "r", "stock": 5}, status=201)
    answer = await shop.client.put("/v1/loyalty/rewards/r", json={**made, "points": 50})
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "updated_at": None} == {**made, "points": 50, "updated_at": None}
    refused = await shop.client.put("/v1/loyalty/rewards/r", json={**made, "colour": "red"})
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/colour"]


async def test_the_next_reward_is_one_that_the_members_tier_may_take(shop: World) -> None:
    levels = [{"id": "gold", "name": "Gold", "threshold": 1000}]
    await shop.program(rules=[], tiers={"levels": levels})
    await shop.post("rewards", {"kind": "free_shipping", "name": "Gold", "points": 50, "tiers": ["gold"]}, status=201)
    await shop.adjust(10)
    me = await shop.get("me", client=shop.service.customer("c1"))
    assert me["next_reward"]["reward_id"] == "amount-off-100"


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({"birthday": "1990-13-45"}, "birthday"),
        ({"joined": "2025-02-30"}, "joined"),
        ({"lots": [{"points": 1, "earned_at": "2026-01-01T00:00:00"}]}, "earned_at"),
        ({"lots": [{"points": 1, "earned_at": 1_700_000_000}]}, "earned_at"),
        ({"lots": [{"points": 1, "earned_at": "2099-01-01T00:00:00Z"}]}, "earned_at"),
    ],
)
async def test_a_row_with_an_impossible_date_is_left_out(shop: World, row: dict[str, Any], where: str) -> None:
    found = await import_members(shop, json.dumps({"customer_id": "c1", **row}))
    assert (found["accepted"], found["rejected"]) == (0, 1)
    assert where in found["bad_rows"][0]["detail"]


async def test_my_rewards_come_page_by_page_cheapest_first(shop: World) -> None:
    for number, points in enumerate((30, 10, 10, 20)):
        body = {"kind": "partner", "name": "x", "points": points, "reward_id": f"r{number}"}
        await shop.post("rewards", body, status=201)
    me = shop.service.customer("c1")
    seen: list[str] = []
    page = await shop.get("me/rewards", client=me, limit=2)
    while True:
        seen += [one["reward_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        page = await shop.get("me/rewards", client=me, limit=2, cursor=page["next_cursor"])
    assert seen == ["r1", "r2", "r3", "r0", "amount-off-100"]
    await shop.get("me/rewards", client=me, limit=0, status=422)
    await shop.get("me/rewards", client=me, cursor="abc", status=422)
