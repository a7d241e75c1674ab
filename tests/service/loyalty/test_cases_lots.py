"""Lots, pending points and expiry of cases/loyalty.md §D, with time that the test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service.loyalty.world import World, instant

LATER = "2026-03-10T12:30:00Z"


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


async def test_c41_soonest_expiry_is_spent_first(shop: World) -> None:
    await shop.adjust(100, expires_at="2027-06-01T00:00:00Z")
    await shop.adjust(100, expires_at="2027-01-01T00:00:00Z")
    await shop.pay(100)
    held = (await shop.get("members/c1/lots"))["items"]
    assert [(one["expires_at"][:7], one["remaining"]) for one in held] == [("2027-01", 100), ("2027-06", 100)]
    redemption = (await shop.get("members/c1/redemptions"))["items"][0]
    await shop.post(f"redemptions/{redemption['redemption_id']}/confirm")
    assert [(one["expires_at"][:7], one["remaining"]) for one in await shop.lots()] == [("2027-06", 100)]


async def test_c42_a_lot_that_expires_is_spent_before_one_that_does_not(shop: World) -> None:
    await shop.adjust(100)
    await shop.adjust(100, expires_at="2027-01-01T00:00:00Z")
    await shop.adjust(-100)
    (lot,) = await shop.lots()
    assert (lot["expires_at"], lot["remaining"]) == (None, 100)


async def test_c44_new_points_fill_a_balance_below_zero_first(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.adjust(50)
    await shop.adjust(-80)
    assert await shop.balance() == -30
    await shop.adjust(100)
    assert await shop.balance() == 70
    assert [one["remaining"] for one in await shop.lots()] == [70]


async def test_c46_what_was_not_spent_expires_once(shop: World) -> None:
    await shop.adjust(150, expires_at="2026-04-01T00:00:00Z")
    held = await shop.pay(50)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.move_to(at(2026, 4, 2))
    await shop.work()
    kinds = await shop.kinds()
    assert kinds == [("adjusted", 150), ("held", -50), ("spent", -50), ("expired", -100)]
    (told,) = await shop.told("points.expired")
    assert (told["points"], told["balance"]) == (100, 0)


EXPIRIES = [
    ("C48 25 Jan", {"kind": "rolling", "months": 1}, at(2026, 1, 25), "2026-02-26"),
    ("C48 31 Jan", {"kind": "rolling", "months": 1}, at(2026, 1, 31), "2026-03-01"),
    ("C50", {"kind": "rolling", "months": 12, "round_to": "month_end"}, at(2020, 7, 6), "2021-08-01"),
    ("C51 month", {"kind": "calendar", "round_to": "month_end", "months": 0}, at(2026, 1, 22), "2026-02-01"),
    ("C51 year", {"kind": "calendar", "round_to": "year_end", "months": 0}, at(2018, 5, 5), "2019-01-01"),
    ("days", {"kind": "rolling", "days": 10}, at(2026, 1, 1), "2026-01-12"),
]


@pytest.mark.parametrize(("expiry", "earned", "gone"), [one[1:] for one in EXPIRIES], ids=[one[0] for one in EXPIRIES])
async def test_when_points_expire(shop: World, expiry: dict[str, Any], earned: datetime, gone: str) -> None:
    await shop.program(expiry=expiry)
    shop.clock.now = earned
    await shop.order("1001", 10_000)
    (lot,) = await shop.lots()
    assert lot["expires_at"] == f"{gone}T00:00:00Z"
    end = datetime.fromisoformat(lot["expires_at"])
    await shop.move_to(end.replace(day=end.day) - (end - end.replace(hour=0)) - (at(2026, 1, 2) - at(2026, 1, 1)) / 24)
    assert await shop.balance() == 100
    await shop.move_to(end)
    assert await shop.balance() == 0


async def test_c53_an_expiry_that_is_switched_on_is_never_retroactive(shop: World) -> None:
    shop.clock.now = at(2021, 5, 1)
    await shop.order("old", 10_000)
    await shop.move_to(at(2022, 3, 1))
    await shop.program(expiry={"kind": "rolling", "months": 12})
    await shop.order("new", 5_000)
    await shop.move_to(at(2023, 2, 28))
    assert await shop.balance() == 150
    await shop.move_to(at(2023, 3, 3))
    assert await shop.balance() == 100


async def test_c55_pending_points_that_are_returned_never_move_the_balance(shop: World) -> None:
    await shop.program(pending={"kind": "days", "days": 7})
    await shop.order("1001", 2_000)
    assert await shop.numbers() == (0, 20, 0, 0)
    await shop.days(3)
    await shop.refund("1001", 2_000)
    assert await shop.numbers() == (0, 0, 0, 0)
    await shop.days(30)
    found = await shop.transactions()
    assert [(one["type"], one["points"], one["balance_after"]) for one in found] == [
        ("pending_added", 20, 0),
        ("pending_cancelled", -20, 0),
    ]


async def test_pending_points_become_spendable_when_their_time_comes(shop: World) -> None:
    await shop.program(pending={"kind": "days", "days": 7})
    await shop.order("1001", 2_000)
    await shop.pay(1, status=409)
    await shop.days(7)
    assert await shop.numbers() == (20, 0, 0, 0)
    assert await shop.kinds() == [("pending_added", 20), ("pending_activated", 20)]
    told = [(one["points"], one["balance"], one.get("pending", False)) for one in await shop.told("points.earned")]
    assert told == [(20, 0, True), (20, 20, False)]


@pytest.mark.parametrize("moved", [-2, 2, None], ids=["earlier", "later", "taken back"])
async def test_points_wait_for_the_day_of_the_delivery_that_is_known_last(shop: World, moved: int | None) -> None:
    await shop.program(pending={"kind": "delivered", "days": 14})
    placed, first = at(2026, 3, 1), at(2026, 3, 9)
    state: dict[str, Any] = {"fulfilment_state": "delivered", "placed_at": placed}
    await shop.order("1001", delivered_at=instant(first), **state)
    second = None if moved is None else first + timedelta(days=moved)
    shop.clock.now = at(2026, 3, 12)
    await shop.order("1001", delivered_at=second and instant(second), **state)
    available = None if second is None else second + timedelta(days=14)
    assert [one["available_at"] for one in await shop.lots()] == [available and instant(available)]
    await shop.move_to(first + timedelta(days=14))
    assert await shop.numbers() == ((100, 0, 0, 0) if moved == -2 else (0, 100, 0, 0))
    await shop.move_to(first + timedelta(days=16))
    assert await shop.numbers() == ((0, 100, 0, 0) if moved is None else (100, 0, 0, 0))


async def test_points_pending_until_the_delivery(shop: World) -> None:
    await shop.program(pending={"kind": "delivered", "days": 14})
    await shop.order("1001", 2_000)
    await shop.days(100)
    assert await shop.numbers() == (0, 20, 0, 0)
    delivered = shop.now
    await shop.order(
        "1001",
        2_000,
        kind="order.delivered",
        placed_at=at(2026, 3, 10),
        fulfilment_state="delivered",
        delivered_at=instant(delivered),
    )
    assert (await shop.member())["next_activation"] == {"points": 20, "at": "2026-07-02T12:00:00Z"}
    await shop.days(14)
    assert await shop.numbers() == (20, 0, 0, 0)


async def test_what_is_due_is_done_before_anybody_sees_or_spends_it(shop: World) -> None:
    """The job is late; nobody may spend points that ran out, and activated ones can be spent."""
    await shop.adjust(100, expires_at="2026-03-11T00:00:00Z")
    await shop.adjust(30, available_at="2026-03-11T00:00:00Z")
    shop.clock.now = at(2026, 3, 11)
    await shop.pay(31, status=409)
    assert await shop.balance() == 30
    await shop.pay(30, status=201)


@pytest.mark.parametrize("keep", [False, True])
async def test_c56_a_transfer(shop: World, keep: bool) -> None:
    shop.clock.now = at(2026, 1, 1)
    await shop.program(expiry={"kind": "rolling", "months": 1})
    await shop.order("1001", 10_000)
    shop.clock.now = at(2026, 1, 25)
    await shop.post("members/c1/transfers", {"to": "c2", "points": 60, "keep_expiry": keep}, status=201)
    assert (await shop.balance("c1"), await shop.balance("c2")) == (40, 60)
    (lot,) = await shop.lots("c2")
    assert lot["expires_at"] == ("2026-02-02T00:00:00Z" if keep else "2026-02-26T00:00:00Z")
    assert await shop.kinds("c2") == [("transferred_in", 60)]
    assert (await shop.kinds("c1"))[-1] == ("transferred_out", -60)
    assert (await shop.member("c2"))["lifetime_earned"] == 0


async def test_c56_pending_and_expired_points_refuse_a_transfer(shop: World) -> None:
    await shop.adjust(50, available_at="2026-04-01T00:00:00Z")
    await shop.adjust(50, expires_at="2026-03-11T00:00:00Z")
    shop.clock.now = at(2026, 3, 12)
    body = {"to": "c2", "points": 1}
    assert (await shop.post("members/c1/transfers", body, status=409))["code"] == "not_enough_points"
    await shop.post("members/nobody/transfers", body, status=404)
    await shop.post("members/c1/transfers", {"to": "c1", "points": 1}, status=409)


async def test_sliding_expiry_counts_from_the_last_activity(shop: World) -> None:
    await shop.program(expiry={"kind": "sliding", "months": 12})
    await shop.order("1001", 10_000)
    await shop.days(300)
    await shop.order("1002", 1_000)
    assert {one["expires_at"] for one in await shop.lots()} == {"2028-01-05T00:00:00Z"}
    await shop.move_to(at(2028, 1, 4, 23))
    assert await shop.balance() == 110
    await shop.move_to(at(2028, 1, 5, 0))
    assert await shop.balance() == 0


async def test_members_are_warned_before_points_expire_once_per_warning(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 2, "warn_days": [30, 7]})
    await shop.order("1001", 10_000)
    await shop.order("1002", 5_000)
    told = []
    for _ in range(62):
        await shop.days(1)
        told = [(one["points"], one["expires_at"]) for one in await shop.told("points.expiring")]
    assert told == [(150, "2026-05-11T00:00:00Z")] * 2
    assert await shop.balance() == 0


async def test_points_that_come_back_keep_their_expiry_and_run_out_if_it_has_passed(shop: World) -> None:
    await shop.adjust(100, expires_at="2026-04-01T00:00:00Z")
    held = await shop.pay(60)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.move_to(at(2026, 5, 1))
    await shop.post(f"redemptions/{held['redemption_id']}/return")
    assert (await shop.kinds())[-3:] == [("expired", -40), ("returned", 60), ("expired", -60)]


async def test_expired_points_of_an_order_are_neither_taken_nor_owed(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 1})
    await shop.order("1001", 10_000)
    held = await shop.pay(40)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.days(60)
    await shop.cancel_order("1001", 10_000, placed_at=at(2026, 3, 10), updated_at=instant(shop.now))
    assert await shop.numbers() == (0, 0, 0, 40)


async def test_an_old_order_that_is_imported_has_its_dates(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 12})
    await shop.order("old", 10_000, placed_at=at(2024, 1, 1))
    await shop.order("young", 5_000, placed_at=at(2025, 12, 1))
    assert await shop.balance() == 50
    assert [one["expires_at"][:10] for one in await shop.lots()] == ["2026-12-02"]
    assert (await shop.member())["lifetime_earned"] == 150
