"""Worked examples D (lots, pending, expiry) of shared/cases/loyalty.md that need no database."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty.expiry import expires_at, warnings
from loyalty.ledger import Ledger
from loyalty.lots import Lot, Take, allocate, fefo
from loyalty.pending import available_at
from loyalty.program.document import Expiry, Pending
from tests.unit.loyalty.postings import AT, NOTE, lot_of, member

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


JUNE = Lot("june", 100, day("2026-02-01"), day("2027-06-01"))
JANUARY = Lot("january", 100, day("2026-03-01"), day("2027-01-01"))
NEVER = Lot("never", 100, day("2026-01-01"))


@pytest.mark.parametrize(
    ("lots", "taken"), [([JUNE, JANUARY], "january"), ([NEVER, JANUARY], "january")], ids=["C41", "C42"]
)
def test_the_lot_that_expires_first_is_spent_first(lots: list[Lot], taken: str) -> None:
    assert allocate(lots, 100) == ((Take(taken, 100),), 0)


def test_equal_expiry_goes_by_age_then_by_id_and_what_is_missing_is_told() -> None:
    twins = [Lot("b", 5, day("2026-01-01")), Lot("a", 5, day("2026-01-01")), Lot("c", 5, day("2025-12-31"))]
    assert [lot.lot_id for lot in fefo(twins)] == ["c", "a", "b"]
    assert allocate(twins, 17) == ((Take("c", 5), Take("a", 5), Take("b", 5)), 2)
    assert allocate([Lot("empty", 0, day("2026-01-01"))], 3) == ((), 3)
    assert allocate(twins, 0) == ((), 0)


@pytest.mark.parametrize(("points", "remaining", "deficit"), [(100, 70, 0), (20, 0, 10)])
def test_c44_a_balance_below_zero_is_filled_before_a_lot_is(points: int, remaining: int, deficit: int) -> None:
    ledger, book = Ledger(AT), member()
    ledger.earn(book, lot_of(book, "first"), 50, NOTE)
    takes, missing = allocate(book.spendable(AT), 80)
    assert (takes, missing) == ((Take("first", 50),), 30)
    ledger.withdraw(book, takes, missing, "adjusted", NOTE)
    new = lot_of(book, "new")
    ledger.earn(book, new, points, NOTE)
    assert (new.remaining, book.deficit) == (remaining, deficit)
    assert book.balance == 50 - 80 + points


ROLLING_1M = {"kind": "rolling", "months": 1}
EXPIRIES: list[tuple[str, dict[str, Any], str, str]] = [
    ("C48 25 Jan", ROLLING_1M, "2026-01-25", "2026-02-26"),
    ("C48 31 Jan clamps", ROLLING_1M, "2026-01-31", "2026-03-01"),
    ("C48 31 Jan of a leap year", ROLLING_1M, "2028-01-31", "2028-03-01"),
    ("C50 P12M to the month's end", {"kind": "rolling", "round_to": "month_end"}, "2020-07-06", "2021-08-01"),
    ("C51 end of month", {"kind": "calendar", "round_to": "month_end"}, "2026-01-22", "2026-02-01"),
    ("C51 end of year", {"kind": "calendar", "round_to": "year_end"}, "2018-05-05", "2019-01-01"),
    ("C56 a transfer counts anew", ROLLING_1M, "2026-01-25", "2026-02-26"),
    ("months may be 0", {"kind": "rolling", "months": 0, "round_to": "month_end"}, "2026-01-22", "2026-02-01"),
    ("days instead of months", {"kind": "rolling", "months": 12, "days": 30}, "2026-01-01", "2026-02-01"),
    ("sliding counts from the last activity", {"kind": "sliding", "months": 6}, "2026-02-10", "2026-08-11"),
    ("to the year's end", {"kind": "rolling", "months": 1, "round_to": "year_end"}, "2026-12-15", "2028-01-01"),
]


@pytest.mark.parametrize(("expiry", "earned", "gone"), [c[1:] for c in EXPIRIES], ids=[c[0] for c in EXPIRIES])
def test_points_are_gone_at_the_midnight_after_their_last_day(expiry: dict[str, Any], earned: str, gone: str) -> None:
    found = expires_at(Expiry.model_validate(expiry), datetime.fromisoformat(f"{earned}T12:00:00Z"), UTC_ZONE)
    assert found == day(gone)


def test_the_last_day_is_a_day_of_the_shop() -> None:
    late_in_berlin = datetime(2026, 1, 24, 23, 30, tzinfo=UTC)
    found = expires_at(Expiry(kind="rolling", months=1), late_in_berlin, BERLIN)
    assert found == datetime(2026, 2, 25, 23, 0, tzinfo=UTC)


def test_an_expiry_that_lands_on_a_clock_change_is_the_local_midnight() -> None:
    earned = datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert expires_at(Expiry(kind="rolling", months=1), earned, BERLIN) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    earned = datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert expires_at(Expiry(kind="rolling", days=29), earned, BERLIN) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_a_midnight_that_the_clocks_skip_is_the_instant_they_skip_at() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24 begins at 01:00 there
    earned = datetime(2026, 4, 22, 12, tzinfo=UTC)
    assert expires_at(Expiry(kind="rolling", days=1), earned, cairo) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_no_expiry_and_its_warnings() -> None:
    assert expires_at(Expiry(), day("2026-01-01"), UTC_ZONE) is None
    found = warnings(Expiry(kind="rolling", warn_days=(7, 30)), day("2026-04-01"), UTC_ZONE)
    assert found == ((30, day("2026-03-02")), (7, day("2026-03-25")))


def test_last_day_of_a_calendar_year_ignores_months() -> None:
    expiry = Expiry(kind="calendar", months=12, round_to="year_end")
    assert expires_at(expiry, datetime(2026, 2, 3, tzinfo=UTC), ZoneInfo("UTC")) == datetime(2027, 1, 1, tzinfo=UTC)


PENDING: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("none", {}, None, "2026-03-20T10:00:00+00:00"),
    ("C55 days", {"kind": "days", "days": 7}, None, "2026-03-27T10:00:00+00:00"),
    ("days across the clock change keep the hour", {"kind": "days", "days": 14}, None, "2026-04-03T09:00:00+00:00"),
    ("until a day", {"kind": "until", "until": "2026-05-01"}, None, "2026-04-30T22:00:00+00:00"),
    ("until an instant", {"kind": "until", "until": "2026-05-01T00:00:00Z"}, None, "2026-05-01T00:00:00+00:00"),
    ("until a day that is over", {"kind": "until", "until": "2026-01-01"}, None, "2026-03-20T10:00:00+00:00"),
    ("delivered: not yet", {"kind": "delivered", "days": 3}, None, None),
    ("delivered", {"kind": "delivered", "days": 3}, "2026-03-21T08:00:00Z", "2026-03-24T08:00:00+00:00"),
    (
        "delivered before it was earned",
        {"kind": "delivered", "days": 0},
        "2026-03-01T08:00:00Z",
        "2026-03-20T10:00:00+00:00",
    ),
]


@pytest.mark.parametrize(("pending", "delivered", "expected"), [c[1:] for c in PENDING], ids=[c[0] for c in PENDING])
def test_points_are_pending_until(pending: dict[str, Any], delivered: str | None, expected: str | None) -> None:
    earned = datetime(2026, 3, 20, 10, tzinfo=UTC)
    delivered_at = datetime.fromisoformat(delivered) if delivered else None
    found = available_at(Pending.model_validate(pending), earned, delivered_at, BERLIN)
    assert found == (datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize("pending", [{"kind": "days", "days": 0}, {"kind": "delivered", "days": 0}])
def test_points_of_the_hour_that_clocks_repeat_are_not_there_before_they_are_earned(pending: dict[str, Any]) -> None:
    second_half_past_two = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    found = available_at(Pending.model_validate(pending), day("2026-10-25"), second_half_past_two, BERLIN)
    assert pending["kind"] == "days" or found == second_half_past_two
    found = available_at(Pending.model_validate(pending), second_half_past_two, second_half_past_two, BERLIN)
    assert found == second_half_past_two
