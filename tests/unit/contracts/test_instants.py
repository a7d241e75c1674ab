"""Instants: what is read, and its one canonical text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from comeback_contracts.instants import (
    Instant,
    PastInstant,
    canonical,
    format_instant,
    is_in_the_future,
    parse_instant,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00+00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T01:30:00+05:30", "2026-01-30T20:00:00Z"),
        ("2026-01-31T12:00:00.500Z", "2026-01-31T12:00:00.5Z"),
        ("2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T00:59:60.5+01:00", "2017-01-01T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_one_instant_has_one_text(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-W05-6T12:00:00Z",
        "20260131T120000Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+1:00",
        "2026-01-31T12:00:00.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "2026-01-31T12:00:00Z\n",
        "٢٠٢٦-01-31T12:00:00Z",
        "1767225600",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="instant"):
        canonical(text)
    with pytest.raises(ValueError, match="instant"):
        parse_instant(text)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])))
def test_text_and_instant_are_one_to_one(instant: datetime) -> None:
    try:
        text = format_instant(instant)
    except OverflowError:  # the first and last hours of the calendar have no UTC
        return
    assert parse_instant(text) == instant
    assert canonical(text) == text


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=5))
def test_texts_without_their_z_sort_as_the_instants_do(instants: list[datetime]) -> None:
    texts = [format_instant(instant)[:-1] for instant in instants]
    assert sorted(texts) == [format_instant(instant)[:-1] for instant in sorted(instants)]


def test_a_naive_datetime_has_no_instant() -> None:
    with pytest.raises(ValueError, match="offset"):
        format_instant(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValidationError, match="offset"):
        TypeAdapter(Instant).validate_python(datetime(2026, 1, 1))  # noqa: DTZ001


def test_ten_minutes_of_skew_are_forgiven() -> None:
    assert not is_in_the_future(NOW + timedelta(minutes=10), NOW)
    assert is_in_the_future(NOW + timedelta(minutes=10, microseconds=1), NOW)


class Model(BaseModel):
    happened: PastInstant
    planned: Instant


def test_only_what_happened_must_not_lie_in_the_future() -> None:
    late = "2026-01-02T00:10:01Z"
    assert Model.model_validate({"happened": late, "planned": late}).planned > NOW
    assert Model.model_validate({"happened": "2026-01-02T00:10:00Z", "planned": late}, context={"now": NOW})
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"happened": late, "planned": late}, context={"now": NOW})
    assert [(one["loc"], one["type"]) for one in caught.value.errors()] == [(("happened",), "in_the_future")]


def test_instants_are_written_canonically() -> None:
    model = Model.model_validate({"happened": "2026-01-01T01:00:00+01:00", "planned": NOW})
    assert model.model_dump(mode="json") == {"happened": "2026-01-01T00:00:00Z", "planned": "2026-01-02T00:00:00Z"}
    assert model.happened.tzinfo is UTC


@pytest.mark.parametrize("bad", [1767225600, 1.5, None, True, ["2026-01-01T00:00:00Z"]])
def test_an_instant_is_a_text(bad: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(bad)
