"""Neighbors of the worked examples of cases/loyalty.md: windows of time and expiry in the shop's zone, by hand."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty.expiry import expires_at
from loyalty.program.document import Expiry
from tests.unit.loyalty.orders import line, order, points, program

MONTH = {"kind": "calendar", "round_to": "month_end"}
YEAR = {"kind": "calendar", "round_to": "year_end"}

TIMES: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("berlin sat before midnight", "Europe/Berlin", "2026-07-03T21:59:59Z", {"weekdays": [5]}, 5),
    ("berlin sat", "Europe/Berlin", "2026-07-03T22:00:00Z", {"weekdays": [6]}, 5),
    ("ny", "America/New_York", "2026-11-27T04:59:59Z", {"from": "2026-11-27"}, 0),
    ("ny2", "America/New_York", "2026-11-27T05:00:00Z", {"from": "2026-11-27"}, 5),
    ("ny until day", "America/New_York", "2026-11-28T04:59:59Z", {"until": "2026-11-27"}, 5),
    ("ny until day over", "America/New_York", "2026-11-28T05:00:00Z", {"until": "2026-11-27"}, 0),
    ("instant until", "UTC", "2026-11-27T18:00:00Z", {"until": "2026-11-27T18:00:00Z"}, 0),
    ("hour spring skipped", "Europe/Berlin", "2026-03-29T01:00:00Z", {"hours": [3]}, 5),
    ("hour spring before", "Europe/Berlin", "2026-03-29T00:59:59Z", {"hours": [1]}, 5),
    ("hour autumn first", "Europe/Berlin", "2026-10-25T00:30:00Z", {"hours": [2]}, 5),
    ("hour autumn second", "Europe/Berlin", "2026-10-25T01:30:00Z", {"hours": [2]}, 5),
    ("hour autumn after", "Europe/Berlin", "2026-10-25T02:00:00Z", {"hours": [2]}, 0),
    ("span", "Europe/Berlin", "2026-06-01T15:00:00Z", {"hours": ["17:00-19:30"]}, 5),
    ("span end", "Europe/Berlin", "2026-06-01T17:30:00Z", {"hours": ["17:00-19:30"]}, 0),
    ("dst day until berlin", "Europe/Berlin", "2026-10-25T22:59:59Z", {"until": "2026-10-25"}, 5),
    ("dst day until berlin over", "Europe/Berlin", "2026-10-25T23:00:00Z", {"until": "2026-10-25"}, 0),
    ("cairo midnight skipped", "Africa/Cairo", "2026-04-23T22:00:00Z", {"from": "2026-04-24"}, 5),
    ("sunday name", "UTC", "2026-03-08T10:00:00Z", {"weekdays": ["sun"]}, 5),
]


@pytest.mark.parametrize(("zone", "at", "when", "expected"), [c[1:] for c in TIMES], ids=[c[0] for c in TIMES])
def test_a_time_window_is_in_the_shops_zone(zone: str, at: str, when: dict[str, Any], expected: int) -> None:
    compiled = program(zone=zone, rules=[{"id": "f", "kind": "fixed", "points": 5, "when": when}])
    assert points(compiled, order(line("1", 100), placed_at=at, paid_at=at)) == expected


EXPIRIES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("leap day is a month's end", {"months": 1}, "2028-01-31T12:00Z", "UTC", "2028-03-01T00:00Z"),
    ("end of a month", {"months": 1, "round_to": "month_end"}, "2026-01-31T12:00Z", "UTC", "2026-03-01T00:00Z"),
    ("year's end", {"months": 12, "round_to": "year_end"}, "2026-01-31T12:00Z", "UTC", "2028-01-01T00:00Z"),
    ("days before months", {"days": 30}, "2026-03-10T12:00Z", "UTC", "2026-04-10T00:00Z"),
    ("no days", {"days": 0}, "2026-03-10T12:00Z", "UTC", "2026-03-11T00:00Z"),
    ("no months", {"months": 0}, "2026-03-10T12:00Z", "UTC", "2026-03-11T00:00Z"),
    ("this month", {"months": 0, "round_to": "month_end"}, "2026-03-10T12:00Z", "UTC", "2026-04-01T00:00Z"),
    ("clocks go forward", {"days": 20}, "2026-03-09T12:00Z", "Europe/Berlin", "2026-03-29T22:00Z"),
    ("after midnight", MONTH, "2026-03-31T22:30Z", "Europe/Berlin", "2026-04-30T22:00Z"),
    ("new year", YEAR, "2026-12-31T23:30Z", "Europe/Berlin", "2027-12-31T23:00Z"),
    ("29 February + 24 months", {"months": 24}, "2024-02-29T12:00Z", "UTC", "2026-03-01T00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize(("expiry", "earned", "zone", "gone"), [c[1:] for c in EXPIRIES], ids=[c[0] for c in EXPIRIES])
def test_points_are_gone(expiry: dict[str, Any], earned: str, zone: str, gone: str) -> None:
    document = Expiry.model_validate({"kind": "rolling", **expiry})
    assert expires_at(document, datetime.fromisoformat(earned), ZoneInfo(zone)) == datetime.fromisoformat(gone)
