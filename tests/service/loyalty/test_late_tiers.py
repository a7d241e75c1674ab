"""A level is reached, and lost, when the points that count came or went, however late the service looks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import START, Json, World

SILVER: Json = {"id": "silver", "threshold": 100, "entry": {"points": 7}}
LATE = [timedelta(0), timedelta(hours=11), timedelta(days=40)]


def program(**tiers: Any) -> Json:
    return {
        "pending": {"kind": "days", "days": 14},
        "expiry": {"kind": "rolling", "months": 3},
        "tiers": {"window": "rolling_12m", "levels": [SILVER], **tiers},
    }


async def begin(shop: World, **tiers: Any) -> None:
    """One order of 100 points in the first hour of the program."""
    await shop.program(**program(**tiers))
    await shop.work()
    await shop.order("1", 10_000)


async def standing(shop: World) -> tuple[Any, Any, Any]:
    tier = (await shop.member())["tier"]
    return tier["id"], tier["since"], tier["until"]


@pytest.mark.parametrize("late", LATE, ids=str)
async def test_points_that_became_spendable_reach_a_level_at_that_instant(shop: World, late: timedelta) -> None:
    await begin(shop)
    await shop.move_to(START + timedelta(days=14) + late)
    assert await standing(shop) == ("silver", "2026-03-24T12:00:00Z", "2027-03-24T12:00:00Z")
    assert [one["expires_at"] for one in await shop.lots()] == ["2026-06-11T00:00:00Z", "2026-06-25T00:00:00Z"]
    (told,) = await shop.told("tier.changed")
    assert told["at"] == "2026-03-24T12:00:00Z"


@pytest.mark.parametrize("late", LATE, ids=str)
async def test_points_that_became_spendable_keep_a_level_from_that_instant(shop: World, late: timedelta) -> None:
    await begin(shop)
    await shop.move_to(START + timedelta(days=20))
    await shop.order("2", 1_000)
    await shop.move_to(START + timedelta(days=34) + late)
    assert await standing(shop) == ("silver", "2026-03-24T12:00:00Z", "2027-04-13T12:00:00Z")


@pytest.mark.parametrize("basis", ["points", "balance"])
async def test_an_order_that_comes_first_counts_from_the_instant_too(shop: World, basis: str) -> None:
    await begin(shop, basis=basis)
    shop.clock.now += timedelta(days=30)
    await shop.order("2", 100)
    assert await standing(shop) == ("silver", "2026-03-24T12:00:00Z", "2027-03-24T12:00:00Z")


async def test_a_level_that_was_reached_before_the_year_ended_is_reached(shop: World) -> None:
    shop.clock.now = datetime(2026, 12, 10, 12, tzinfo=UTC)
    await begin(shop, window="calendar_year", until="end_of_next")
    await shop.move_to(datetime(2027, 1, 2, tzinfo=UTC))
    assert await standing(shop) == ("silver", "2026-12-24T12:00:00Z", "2028-01-01T00:00:00Z")


async def test_a_level_that_came_and_went_while_nobody_looked_is_told_of(shop: World) -> None:
    shop.clock.now = datetime(2026, 12, 10, 12, tzinfo=UTC)
    await begin(shop, window="calendar_year")
    await shop.move_to(datetime(2027, 3, 2, tzinfo=UTC))
    assert await shop.tier() is None
    told = [(one["to"], one["at"]) for one in await shop.told("tier.changed")]
    assert told == [("silver", "2026-12-24T12:00:00Z"), (None, "2027-01-01T00:00:00Z")]


@pytest.mark.parametrize("together", [False, True], ids=["in time", "late"])
async def test_a_level_by_balance_is_lost_and_won_again(shop: World, together: bool) -> None:
    """The first points run out on 11 June, the second can be spent from 24 June on."""
    await begin(shop, basis="balance", window="ever", downgrade="full", levels=[{**SILVER, "entry": {}}])
    for days in () if together else (14,):
        await shop.move_to(START + timedelta(days=days))
    shop.clock.now = START + timedelta(days=92)
    await shop.order("2", 10_000)
    for days in () if together else (93, 106):
        await shop.move_to(START + timedelta(days=days))
    await shop.move_to(START + timedelta(days=120))
    told = [(one["to"], one["at"]) for one in await shop.told("tier.changed")]
    assert told == [
        ("silver", "2026-03-24T12:00:00Z"),
        (None, "2026-06-11T00:00:00Z"),
        ("silver", "2026-06-24T12:00:00Z"),
    ]


async def test_a_level_that_was_reached_again_before_its_year_ended_is_kept(shop: World) -> None:
    await begin(shop, window="calendar_year", until="end_of_next")
    await shop.move_to(datetime(2027, 12, 10, 12, tzinfo=UTC))
    assert await standing(shop) == ("silver", "2026-03-24T12:00:00Z", "2028-01-01T00:00:00Z")
    await shop.order("2", 10_000)
    await shop.move_to(datetime(2028, 1, 5, tzinfo=UTC))
    assert await standing(shop) == ("silver", "2026-03-24T12:00:00Z", "2029-01-01T00:00:00Z")


@pytest.mark.parametrize("late", LATE, ids=str)
async def test_a_level_comes_back_when_what_was_owed_runs_out(shop: World, late: timedelta) -> None:
    """Nobody used the points of the order that was refunded, so nothing is owed once they are gone."""
    document = program(window="ever", downgrade="full", levels=[{**SILVER, "entry": {}}])
    await shop.program(**document, negative="pending_only")
    await shop.order("1", 10_000)
    await shop.move_to(START + timedelta(days=14))
    await shop.refund("1", 10_000)
    assert await shop.tier() is None
    await shop.move_to(datetime(2026, 6, 11, tzinfo=UTC) + late)
    assert await standing(shop) == ("silver", "2026-06-11T00:00:00Z", None)


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_a_level_that_is_earned_after_one_came_back_gives_its_points(shop: World, late: bool) -> None:
    """On 11 June nothing is owed any more and silver is back; on 19 June the new points reach gold."""
    gold = {"id": "gold", "threshold": 150, "entry": {"points": 9}}
    document = program(window="ever", downgrade="full", levels=[{**SILVER, "entry": {}}, gold])
    await shop.program(**document, negative="pending_only")
    await shop.order("1", 10_000)
    await shop.move_to(START + timedelta(days=14))
    await shop.refund("1", 10_000)
    shop.clock.now = datetime(2026, 6, 5, 12, tzinfo=UTC)
    await shop.order("2", 6_000)
    for day in () if late else (12, 20):
        await shop.move_to(datetime(2026, 6, day, tzinfo=UTC))
    await shop.move_to(datetime(2026, 6, 30, tzinfo=UTC))
    assert await standing(shop) == ("gold", "2026-06-19T12:00:00Z", None)
    assert (await shop.kinds())[-2:] == [("pending_activated", 60), ("earned", 9)]
