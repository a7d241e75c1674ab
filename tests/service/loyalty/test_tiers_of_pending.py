"""Points count for a tier from when they can be spent on: those pending at a window's end count in the next one."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.service.loyalty.world import World

SILVER = {"id": "silver", "threshold": 100}
DAYS = {"kind": "days", "days": 14}
CHRISTMAS = datetime(2026, 12, 24, 12, tzinfo=UTC)
READY = datetime(2027, 1, 7, 12, tzinfo=UTC)


async def begin(shop: World, **tiers: object) -> None:
    """100 points of Christmas, which can be spent from 7 January on."""
    shop.clock.now = CHRISTMAS
    await shop.program(pending=DAYS, tiers={"levels": [SILVER], **tiers})
    await shop.order("1", 10_000)


@pytest.mark.parametrize("window", ["calendar_year", "month"])
@pytest.mark.parametrize("late", [0, 9], ids=["in time", "late"])
async def test_they_reach_a_level_in_the_next_window(shop: World, window: str, late: int) -> None:
    await begin(shop, window=window)
    await shop.move_to(datetime(2027, 1, 1, tzinfo=UTC))
    assert await shop.tier() is None
    await shop.move_to(READY + timedelta(days=late))
    tier = (await shop.member())["tier"]
    assert (tier["id"], tier["since"]) == ("silver", "2027-01-07T12:00:00Z")
    assert tier["points_to_keep"] == 0


@pytest.mark.parametrize("late", [0, 20], ids=["in time", "late"])
async def test_they_keep_a_level_through_the_next_year(shop: World, late: int) -> None:
    """Two Christmases in a row: silver of the first ends with its year, and the second is not lost with it."""
    await begin(shop, window="calendar_year")
    await shop.move_to(READY)
    await shop.move_to(datetime(2027, 12, 24, 12, tzinfo=UTC))
    await shop.order("2", 10_000)
    await shop.move_to(datetime(2028, 1, 7, 12, tzinfo=UTC) + timedelta(days=late))
    told = [(one["to"], one["at"]) for one in await shop.told("tier.changed")]
    assert told == [
        ("silver", "2027-01-07T12:00:00Z"),
        (None, "2028-01-01T00:00:00Z"),
        ("silver", "2028-01-07T12:00:00Z"),
    ]


async def test_they_count_for_twelve_months_from_then_on(shop: World) -> None:
    await begin(shop, window="rolling_12m", levels=[SILVER, {"id": "gold", "threshold": 150}])
    await shop.move_to(READY)
    await shop.move_to(datetime(2028, 1, 1, 12, tzinfo=UTC) - timedelta(days=14))
    await shop.order("2", 5_000)
    await shop.move_to(datetime(2028, 1, 1, 12, tzinfo=UTC))
    assert await shop.tier() == "gold"


@pytest.mark.parametrize(("basis", "threshold"), [("spend", 10_000), ("orders", 1)])
async def test_spend_and_orders_count_when_they_happened(shop: World, basis: str, threshold: int) -> None:
    await begin(shop, window="calendar_year", basis=basis, levels=[{"id": "silver", "threshold": threshold}])
    tier = (await shop.member())["tier"]
    assert (tier["id"], tier["since"], tier["until"]) == ("silver", "2026-12-24T12:00:00Z", "2027-01-01T00:00:00Z")
    await shop.move_to(READY)
    assert await shop.tier() is None


async def test_a_refund_takes_them_from_the_window_in_which_they_count(shop: World) -> None:
    await begin(shop, window="calendar_year", until="end_of_next", levels=[{"id": "silver", "threshold": 51}])
    await shop.move_to(READY)
    assert await shop.tier() == "silver"
    await shop.refund("1", 5_000)
    assert (await shop.member())["tier"]["points_to_keep"] == 1


async def moves(shop: World, **program: object) -> object:
    found = await shop.post("program/preview", {"program": {"pending": DAYS, **program}})
    return found["orders"]["points_after"], found["tiers"]["moves"]


async def test_the_preview_of_a_program_counts_them_alike(shop: World) -> None:
    await begin(shop, window="calendar_year", levels=[{"id": "silver", "threshold": 1_000}])
    await shop.move_to(READY)
    found = await moves(shop, tiers={"window": "calendar_year", "levels": [SILVER]})
    assert found == (100, [{"from": None, "to": "silver", "members": 1}])


async def test_the_preview_of_a_program_counts_none_that_are_pending(shop: World) -> None:
    """The changed rule would give 200 points, pending as the 100 are."""
    await begin(shop, window="ever")
    found = await moves(shop, tiers={"window": "ever", "levels": [SILVER]}, rules=[{"id": "base", "points": 2}])
    assert found == (200, [])
