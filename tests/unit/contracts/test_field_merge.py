"""Data that merges field by field, and customers as its chief example."""

import itertools
import random
from typing import Any

import pytest
import rfc8785

from comeback_contracts.customer_merge import (
    CustomerState,
    consent,
    from_consent,
    from_data,
    from_erasure,
    known,
    merge_customers,
)
from comeback_contracts.field_merge import merge_fields, stated, values

T1, T2, T3 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"


def test_per_field_the_later_statement_holds() -> None:
    old = stated({"id": "p", "title": "Old", "brand": "B", "updated_at": T1}, T3, without=("id",))
    new = stated({"id": "p", "title": "New", "price": 5}, T2, without=("id",))
    for a, b in itertools.permutations((old, new)):
        assert values(merge_fields(a, b)) == {"title": "New", "brand": "B", "price": 5}


def test_null_clears_and_absent_changes_nothing() -> None:
    said = stated({"title": "T", "brand": "B"}, T1)
    cleared = stated({"brand": None}, T2)
    assert values(merge_fields(said, cleared)) == {"title": "T"}
    assert values(merge_fields(cleared, said)) == {"title": "T"}


def test_at_equal_times_null_loses_and_the_greater_text_wins() -> None:
    assert values(merge_fields(stated({"a": None}, T1), stated({"a": "x"}, T1))) == {"a": "x"}
    assert values(merge_fields(stated({"a": 10}, T1), stated({"a": 9}, T1))) == {"a": 9}
    assert values(merge_fields(stated({"a": ["b"]}, T1), stated({"a": ["a", "z"]}, T1))) == {"a": ["b"]}


def test_instants_are_compared_in_utc() -> None:
    early = stated({"a": "z", "updated_at": "2026-01-01T01:30:00+01:00"}, T1)
    late = stated({"a": "a", "updated_at": "2026-01-01T01:00:00Z"}, T1)
    assert values(merge_fields(late, early)) == {"a": "a"}


def test_a_merge_that_adds_nothing_is_the_same_object() -> None:
    new, old = stated({"a": 1}, T2), stated({"a": 2}, T1)
    assert merge_fields(new, old) is new


def test_a_bad_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="instant"):
        stated({"a": 1, "updated_at": "soon"}, T1)


def test_an_old_import_overwrites_nothing() -> None:
    now = from_data({"customer_id": "c", "email": "new@x.example", "updated_at": T3}, T3)
    imported = from_data({"customer_id": "c", "email": "old@x.example", "first_name": "Ada", "updated_at": T1}, T3)
    assert known(merge_customers(now, imported)) == {"email": "new@x.example", "first_name": "Ada"}


def test_consents_are_kept_by_channel_and_purpose() -> None:
    def said(state: str, at: str, channel: str = "email") -> CustomerState:
        data = {"customer_id": "c", "channel": channel, "purpose": "marketing", "state": state, "at": at}
        return from_consent(data, at)

    merged = merge_customers(merge_customers(said("withdrawn", T2), said("granted", T1)), said("granted", T1, "sms"))
    assert consent(merged, "email", "marketing") == "withdrawn"
    assert consent(merged, "sms", "marketing") == "granted"
    assert consent(merged, "push", "marketing") is None


def test_no_late_or_replayed_update_brings_an_erased_person_back() -> None:
    data = {"customer_id": "c", "email": "a@x.example", "updated_at": T1}
    erased = from_erasure({"customer_id": "c", "at": T2}, T2)
    for merged in (merge_customers(from_data(data, T1), erased), merge_customers(erased, from_data(data, T1))):
        assert known(merged) == {}
        assert "a@x.example" not in str(merged)
        assert known(merge_customers(merged, from_data({**data, "updated_at": T2}, T2))) == {}
        assert known(merge_customers(merged, from_data({**data, "updated_at": T3}, T3))) == {"email": "a@x.example"}


def test_two_customers_do_not_merge() -> None:
    with pytest.raises(ValueError, match="two customers"):
        merge_customers(from_data({"customer_id": "a"}, T1), from_data({"customer_id": "b"}, T1))


def customer_event(rng: random.Random) -> CustomerState:
    at = rng.choice((T1, T2, T3, "2026-01-02T01:00:00+01:00"))
    data: dict[str, Any] = {"customer_id": "c"}
    kind = rng.random()
    if kind < 0.2:
        return from_erasure(data, at)
    if kind < 0.5:
        return from_consent({**data, "channel": "email", "purpose": "m", "state": rng.choice("ab")}, at)
    for name in ("email", "phone", "tags"):
        if rng.random() < 0.6:
            data[name] = rng.choice((None, "ab", "ab!", ["x"], ["x", "y"]))
    return from_data(data, at)


def test_customers_obey_the_three_laws() -> None:
    rng = random.Random(5)

    def text(state: CustomerState) -> bytes:
        return rfc8785.dumps(state)

    for _ in range(10_000):
        a, b, c = customer_event(rng), customer_event(rng), customer_event(rng)
        ab = merge_customers(a, b)
        assert text(ab) == text(merge_customers(b, a))
        assert text(merge_customers(ab, c)) == text(merge_customers(a, merge_customers(b, c)))
        assert text(merge_customers(ab, a)) == text(ab)
        assert text(merge_customers(a, a)) == text(a)
