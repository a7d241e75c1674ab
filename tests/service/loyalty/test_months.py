"""The report of months: what is counted, between which instants, and as a file."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import World

NOTHING = {"earned": 0, "clawed_back": 0, "spent": 0, "returned": 0, "expired": 0, "adjusted": 0}


@pytest.mark.parametrize("negative", ["pending_only", "clamp", "allow"])
async def test_what_ran_out_counts_once_also_where_it_was_owed(shop: World, negative: str) -> None:
    await shop.program(negative=negative, expiry={"kind": "rolling", "days": 10})
    await shop.order("1", 10_000)
    if negative == "pending_only":
        await shop.refund("1", 10_000)
    await shop.days(12)
    assert (await shop.get("reports/months"))["items"][0]["expired"] == 100


async def test_months_between_two_instants_with_what_was_returned_and_ran_out(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "days": 30})
    await shop.order("1", 10_000)
    held = await shop.pay(30)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.move_to(datetime(2026, 4, 2, tzinfo=UTC))
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.move_to(datetime(2026, 4, 12, tzinfo=UTC))
    await shop.move_to(datetime(2026, 5, 1, tzinfo=UTC))
    await shop.order("2", 5_000)
    march = {"month": "2026-03", **NOTHING, "earned": 100, "spent": 30}
    april = {"month": "2026-04", **NOTHING, "returned": 30, "expired": 100}
    may = {"month": "2026-05", **NOTHING, "earned": 50}
    asked: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({}, [may, april, march]),
        ({"since": "2026-04-01T00:00:00Z"}, [may, april]),
        ({"until": "2026-05-01T00:00:00Z"}, [april, march]),
        ({"since": "2026-04-01T00:00:00Z", "until": "2026-05-01T00:00:00Z"}, [april]),
        ({"since": "2026-05-01T00:00:00.000001Z"}, []),
    ]
    for bounds, wanted in asked:
        assert (await shop.get("reports/months", **bounds))["items"] == wanted
        answer = await shop.client.get("/v1/loyalty/reports/months", params={**bounds, "format": "csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        assert 'filename="months.csv"' in answer.headers["content-disposition"]
        assert answer.text.splitlines()[0] == "month,earned,clawed_back,spent,returned,expired,adjusted"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert rows == [{name: str(value) for name, value in row.items()} for row in wanted]


async def test_the_rows_of_the_liability_as_a_file(shop: World) -> None:
    await shop.program(tiers={"window": "ever", "levels": [{"id": "silver", "threshold": 100}]})
    await shop.order("1", 10_000, customer="a")
    await shop.adjust(40, "b", expires_at="2026-07-01T00:00:00Z")
    at, rows = shop.now, ["month,tier,points,value", "2026-06,,40,200", ",silver,100,500"]
    await shop.days(1)
    await shop.adjust(9, "b")
    answer = await shop.client.get("/v1/loyalty/reports/liability?format=csv")
    assert answer.text.splitlines() == [*rows[:2], ",,9,45", rows[2]]
    assert 'filename="liability.csv"' in answer.headers["content-disposition"]
    past = {"format": "csv", "at": at.isoformat()}
    assert (await shop.client.get("/v1/loyalty/reports/liability", params=past)).text.splitlines() == rows


async def test_what_an_order_owes_no_longer_is_not_earned_again(shop: World) -> None:
    """It was spent when the order was cancelled, so nothing was taken back, and nothing is given when it reopens."""
    await shop.order("1", 10_000)
    held = await shop.pay(100, "x")
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    placed = shop.now
    shop.clock.now += timedelta(minutes=1)
    await shop.cancel_order("1", placed_at=placed)
    assert await shop.numbers() == (0, 0, 0, 100)
    shop.clock.now += timedelta(minutes=1)
    await shop.order("1", 15_000, placed_at=placed, state="open")
    assert await shop.numbers() == (50, 0, 0, 0)
    found = (await shop.get("reports/months"))["items"]
    assert found == [{"month": "2026-03", **NOTHING, "earned": 150, "spent": 100}]


async def test_what_was_given_back_has_not_left(shop: World) -> None:
    """The expected breakage is the share of expired points in those that have left."""
    await shop.program(expiry={"kind": "rolling", "days": 10})
    await shop.order("1", 10_000)
    held = await shop.pay(50, "x")
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    held = await shop.pay(25, "y")
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    await shop.days(11)
    await shop.order("2", 10_000)
    found = await shop.get("reports/liability")
    assert (found["points"], found["expected_breakage"]) == (100, 50)
