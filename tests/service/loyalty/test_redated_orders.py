"""When an order was earned follows from the order, not from which of its events came first (CONTRACT §4)."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from loyalty import earning
from tests.service.loyalty.world import Json, World, instant

PLACED: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
PAID: Final = datetime(2026, 3, 9, 9, tzinfo=UTC)
MONTH: Final = {"kind": "rolling", "months": 1, "warn_days": []}
SILVER: Final = {"id": "silver", "threshold": 100}


async def take(shop: World, *parts: Json) -> None:
    """The order in these states, a second after each other."""
    for part in parts:
        shop.clock.now += timedelta(seconds=1)
        await shop.order("1", 10_000, **{"placed_at": PLACED, "updated_at": instant(shop.now), **part})


async def dates(shop: World) -> list[tuple[Any, ...]]:
    return [(one["earned_at"], one["available_at"], one["expires_at"]) for one in await shop.lots()]


@pytest.mark.parametrize("pending", [None, 1, 30], ids=["none", "is over", "is not over"])
async def test_the_day_of_payment_counts_whenever_it_becomes_known(shop: World, pending: int | None) -> None:
    await shop.program(expiry=MONTH, pending={"kind": "none"} if pending is None else {"kind": "days", "days": pending})
    await take(shop, {"paid_at": None}, {"paid_at": instant(PAID)})
    late = await dates(shop), await shop.numbers()
    await shop.order("2", 10_000, "c2", placed_at=PLACED, paid_at=instant(PAID))
    (lot,) = (await shop.get("members/c2/lots"))["items"]
    assert late[0] == [(lot["earned_at"], lot["available_at"], lot["expires_at"])]
    assert late[0][0][0] == "2026-03-09T09:00:00Z"
    assert late[1] == await shop.numbers("c2")


async def test_points_that_could_be_spent_stay_so(shop: World) -> None:
    await shop.program(expiry=MONTH, pending={"kind": "days", "days": 3})
    await take(shop, {"paid_at": None}, {"paid_at": instant(PAID)})
    assert await shop.numbers() == (100, 0, 0, 0)
    assert await dates(shop) == [("2026-03-09T09:00:00Z", "2026-03-04T09:00:00Z", "2026-04-10T00:00:00Z")]


async def test_a_day_that_is_taken_back_counts_no_longer(shop: World) -> None:
    await shop.program(expiry=MONTH)
    await take(shop, {"paid_at": instant(PAID)}, {"paid_at": None})
    assert await dates(shop) == [("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z", "2026-04-02T00:00:00Z")]


async def test_points_of_a_day_that_is_long_ago_run_out(shop: World) -> None:
    await shop.program(expiry=MONTH)
    await take(shop, {"paid_at": instant(PAID)})
    await take(shop, {"paid_at": instant(PLACED - timedelta(days=60)), "placed_at": PLACED - timedelta(days=60)})
    assert await shop.numbers() == (0, 0, 0, 0)
    assert [one["points"] for one in await shop.told("points.expired")] == [100]


async def test_points_of_a_later_day_stay_longer(shop: World) -> None:
    await shop.program(expiry=MONTH)
    await take(shop, {"paid_at": None}, {"paid_at": instant(PAID)})
    await shop.move_to(datetime(2026, 4, 9, 12, tzinfo=UTC))
    assert await shop.balance() == 100
    await shop.move_to(datetime(2026, 4, 10, tzinfo=UTC))
    assert await shop.balance() == 0


@pytest.mark.parametrize("basis", ["points", "spend", "orders"])
async def test_an_order_moves_to_the_window_in_which_it_was_earned(shop: World, basis: str) -> None:
    least = {"points": 100, "spend": 10_000, "orders": 1}[basis]
    tiers = {"window": "calendar_year", "basis": basis, "levels": [{"id": "silver", "threshold": least}]}
    await shop.program(tiers=tiers, earn_on="paid")
    shop.clock.now = datetime(2027, 1, 5, tzinfo=UTC)
    placed = datetime(2026, 12, 30, tzinfo=UTC)
    await take(shop, {"placed_at": placed, "paid_at": None})
    assert await shop.tier() is None
    await take(shop, {"placed_at": placed, "paid_at": instant(shop.now - timedelta(days=2))})
    assert await shop.tier() == "silver"
    assert (await shop.member())["tier"]["points_to_keep"] == 0


async def test_what_was_spent_meanwhile_stays_spent(shop: World) -> None:
    await shop.program(expiry=MONTH)
    await take(shop, {"paid_at": None})
    held = await shop.pay(60, "x", status=201)
    await take(shop, {"paid_at": instant(PAID)})
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    assert await shop.numbers() == (40, 0, 0, 0)
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    assert [one[2] for one in await dates(shop)] == ["2026-04-10T00:00:00Z"]


async def test_a_sliding_end_is_not_drawn_nearer(shop: World) -> None:
    await shop.program(expiry={"kind": "sliding", "months": 1, "warn_days": []})
    await take(shop, {"paid_at": instant(PAID)})
    before = [one[2] for one in await dates(shop)]
    await take(shop, {"paid_at": None})
    assert [one[2] for one in await dates(shop)] == before


async def test_orders_that_nobody_has_weighed_yet_are_dated_anew(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a large batch of one member PostgreSQL answers before most of them are."""
    await shop.program(expiry=MONTH)
    monkeypatch.setattr(earning, "_weighed", lambda _tasks: iter(()))
    await take(shop, {"paid_at": None}, {"paid_at": instant(PAID)})
    assert await dates(shop) == [("2026-03-09T09:00:00Z", "2026-03-09T09:00:00Z", "2026-04-10T00:00:00Z")]
