from datetime import UTC, datetime, timedelta

import pytest

from notifications.wanted import Known, Start, live, start

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "known", "expected"),
    [
        (0 * HOUR, Known(reachable=True), Start("sending")),
        (48 * HOUR, Known(reachable=True), Start("sending")),
        (48 * HOUR + timedelta(seconds=1), Known(reachable=True), Start("skipped", "too_old")),
        (0 * HOUR, Known(reachable=False), Start("waiting")),
        (0 * HOUR, Known(reachable=True, order_known=False), Start("waiting", needs_order=True)),
        (0 * HOUR, Known(reachable=True, order_live=False), Start("skipped", "too_old")),
        (2 * HOUR, Known(reachable=False, erased_at=NOW - HOUR), Start("skipped", "erased")),
        (1 * HOUR, Known(reachable=False, erased_at=NOW - HOUR), Start("skipped", "erased")),
        (0 * HOUR, Known(reachable=False, erased_at=NOW - HOUR), Start("waiting")),
        (99 * HOUR, Known(reachable=False, order_known=False), Start("skipped", "too_old")),
    ],
)
def test_a_message_starts_by_its_age_and_what_is_known(age: timedelta, known: Known, expected: Start) -> None:
    assert start(NOW - age, known, NOW) == expected


def test_an_order_is_live_when_anything_in_it_happened_lately() -> None:
    year_ago = NOW - timedelta(days=365)
    assert live([year_ago, NOW - HOUR], NOW)
    assert not live([year_ago, NOW - 49 * HOUR], NOW)
    assert not live([], NOW)
