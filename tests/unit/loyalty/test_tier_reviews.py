"""When a level is kept, lost or moved on, window by window."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.local_time import Duration, parse_duration
from loyalty.program.tiers import Tiers
from loyalty.standings import Standing
from loyalty.tiers_history import replay
from loyalty.tiers_rules import counts_in, points_to_keep, points_to_next, review, window_of

ZONE = ZoneInfo("Europe/Berlin")
LEVELS = [{"id": "silver", "name": "Silver", "threshold": 100}, {"id": "gold", "name": "Gold", "threshold": 300}]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def tiers(**fields: Any) -> Tiers:
    return Tiers.model_validate({"levels": LEVELS, **fields})


def test_levels_and_what_is_missing() -> None:
    found = tiers()
    for value, level_id in ((99, None), (100, "silver"), (299, "silver"), (300, "gold")):
        assert review(found, Standing(), value, local("2026-01-01"), ZONE).standing.level_id == level_id
    silver = Standing("silver", local("2026-01-01"))
    assert points_to_next(found, Standing(), 40) == (found.levels[0], 60)
    assert points_to_next(found, silver, 120) == (found.levels[1], 180)
    assert points_to_next(found, Standing("gold", local("2026-01-01")), 500) is None
    assert points_to_keep(found, silver, 40) == 60
    assert points_to_keep(found, silver, 140) == 0
    assert points_to_keep(found, Standing(), 0) == 0


def test_windows_are_those_of_the_shop() -> None:
    at = local("2026-03-10T09:00")
    assert window_of(tiers(window="ever"), at, ZONE) == (None, None)
    assert window_of(tiers(window="calendar_year"), at, ZONE) == (local("2026-01-01"), local("2027-01-01"))
    assert window_of(tiers(window="month"), at, ZONE) == (local("2026-03-01"), local("2026-04-01"))
    assert window_of(tiers(), at, ZONE) == (local("2025-03-10T09:00"), at)
    assert not counts_in(tiers(), local("2025-03-10T09:00"), at, ZONE)
    assert counts_in(tiers(), at, at, ZONE)
    assert counts_in(tiers(window="month"), local("2026-03-01"), at, ZONE)
    assert not counts_in(tiers(window="month"), local("2026-04-01"), at, ZONE)
    assert counts_in(tiers(window="ever"), local("1999-04-01"), at, ZONE)


def test_rolling_moves_on_with_every_change_that_still_reaches_it_an_anniversary_does_not() -> None:
    for window, until in (("rolling_12m", "2027-06-10T09:00"), ("anniversary", "2027-03-10T09:00")):
        found = tiers(window=window)
        reached = review(found, Standing(), 100, local("2026-03-10T09:00"), ZONE).standing
        assert reached.until == local("2027-03-10T09:00")
        later = review(found, reached, 150, local("2026-06-10T09:00"), ZONE).standing
        assert later == Standing("silver", reached.since, local(until))


def test_a_window_that_ends_without_the_value_costs_one_level_all_or_none() -> None:
    reached = Standing("gold", local("2026-03-10T09:00"), local("2027-03-10T09:00"))
    at = local("2027-03-10T09:00")
    assert review(tiers(), reached, 0, at, ZONE).standing == Standing("silver", at, local("2028-03-10T09:00"))
    assert review(tiers(downgrade="full"), reached, 0, at, ZONE).standing == Standing()
    assert review(tiers(downgrade="full"), reached, 150, at, ZONE).standing.level_id == "silver"
    assert review(tiers(downgrade="none"), reached, 0, at, ZONE).standing == Standing(
        "gold", reached.since, local("2028-03-10T09:00")
    )


def test_before_the_window_ends_a_lower_value_changes_nothing() -> None:
    reached = Standing("gold", local("2026-03-10T09:00"), local("2027-03-10T09:00"))
    assert review(tiers(), reached, 0, local("2026-09-01"), ZONE).standing == reached


def test_grace_holds_a_level_over_the_end_of_a_short_window() -> None:
    found = tiers(window="month", grace="P3M")
    reached = review(found, Standing(), 100, local("2026-03-10T09:00"), ZONE).standing
    assert reached.until == local("2026-06-10")


def test_ever_falls_at_once_and_a_level_the_program_dropped_is_no_level() -> None:
    found = tiers(window="ever", downgrade="full")
    silver = Standing("silver", local("2026-03-10"))
    assert review(found, silver, 99, local("2026-03-10"), ZONE).standing == Standing()
    assert review(found, Standing("bronze", local("2026-03-10")), 0, local("2026-03-11"), ZONE).standing == Standing()
    assert review(found, Standing("bronze", local("2026-03-10")), 100, local("2026-03-11"), ZONE).change == "up"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("P1Y2M", Duration(14, 0)), ("P2W3D", Duration(0, 17)), ("P0D", Duration()), ("P18M", Duration(18, 0))],
)
def test_durations(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "P", "1M", "P1", "P-1D", "PT1H", "P1M2", "P1D1M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


changes = st.lists(
    st.tuples(
        st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        st.integers(-80, 200),
    ),
    max_size=15,
)
settings_of_tiers = st.builds(
    lambda window, until, downgrade, grace, extra: tiers(
        window=window, until=until, downgrade=downgrade, grace=grace, extra_days=extra
    ),
    st.sampled_from(["rolling_12m", "calendar_year", "anniversary", "month", "ever"]),
    st.sampled_from(["end_of_window", "end_of_next"]),
    st.sampled_from(["one", "none", "full"]),
    st.sampled_from(["P0D", "P1M", "P45D"]),
    st.sampled_from([0, 7]),
)


@given(settings_of_tiers, changes, st.randoms())
def test_history_does_not_depend_on_the_order_of_arrival_and_never_stands_past_its_end(
    found: Tiers, history: list[tuple[datetime, int]], random: Any
) -> None:
    now = datetime(2027, 6, 1, tzinfo=UTC)
    shuffled = list(history)
    random.shuffle(shuffled)
    standing, steps = replay(found, history, now, ZONE)
    assert replay(found, shuffled, now, ZONE) == (standing, steps)
    assert standing.until is None or standing.until > now
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert (standing.level_id is None) == (standing.since is None)
    for step in steps:
        assert bool(step.review.entered) == (step.review.change == "up")


@given(settings_of_tiers, changes)
def test_stepwise_reviews_end_where_the_history_does(found: Tiers, history: list[tuple[datetime, int]]) -> None:
    now = datetime(2027, 6, 1, tzinfo=UTC)
    ordered = sorted(dict(history).items())
    standing = Standing()

    def value(at: datetime, known: list[tuple[datetime, int]]) -> int:
        return sum(change for moment, change in known if counts_in(found, moment, at, ZONE))

    for count, (at, _) in enumerate(ordered):
        while standing.until is not None and standing.until <= at:
            due = standing.until
            standing = review(found, standing, value(due, ordered[:count]), due, ZONE).standing
        standing = review(found, standing, value(at, ordered[: count + 1]), at, ZONE).standing
    while standing.until is not None and standing.until <= now:
        due = standing.until
        standing = review(found, standing, value(due, ordered), due, ZONE).standing
    assert standing == replay(found, ordered, now, ZONE)[0]
