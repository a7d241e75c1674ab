"""What a reader takes for an order, and what it refuses."""

import json
from typing import Any

import msgspec
import pytest

from comeback_contracts.order_merge import from_event

TIME = "2026-01-01T00:00:00Z"


def data(**fields: Any) -> dict[str, Any]:
    return {"order": {"order_id": "1", "currency": "EUR", "lines": [], "total": 0, "placed_at": TIME, **fields}}


LINE = {"line_id": "a", "quantity": 1, "total": 100}


def test_unknown_fields_are_ignored_and_unknown_states_taken_as_they_are() -> None:
    read = from_event(data(loyalty_card="x", state="on_hold", lines=[{**LINE, "color": "red"}]), TIME)
    assert "loyalty_card" not in read
    assert read["state"] == "on_hold"
    assert read["lines"] == [LINE]


def test_instants_are_brought_to_utc() -> None:
    assert from_event(data(paid_at="2026-01-01T02:00:00.500+02:00"), TIME)["paid_at"] == "2026-01-01T00:00:00.5Z"
    refunds = [{"refund_id": "r", "amount": 5, "at": "2026-01-01T01:00:00+01:00"}]
    assert from_event(data(refunds=refunds), TIME)["refunds"]["r"]["at"] == TIME


def test_numbers_of_attributes_have_one_form() -> None:
    lines = [{**LINE, "attributes": {"d": 1.0}}]
    read = from_event(data(attributes={"a": 2.0, "b": 2.5, "c": -0.0}, lines=lines), TIME)
    assert json.dumps(read["attributes"]) == '{"a": 2, "b": 2.5, "c": 0}'
    assert json.dumps(read["lines"][0]["attributes"]) == '{"d": 1}'


def test_raw_bytes_and_mappings_are_read() -> None:
    raw = json.dumps(data(number=None)).encode()
    assert from_event(raw, TIME) == from_event(msgspec.Raw(raw), TIME) == from_event(data(), TIME)


@pytest.mark.parametrize(
    "bad",
    [
        data(total=10.5),
        data(total=10.0),
        data(total=True),
        data(total="10"),
        data(total=2**53),
        data(total=None),
        data(currency=None),
        data(placed_at="yesterday"),
        data(placed_at="2026-01-01T00:00:00"),
        data(paid_at="2026-02-30T00:00:00Z"),
        data(updated_at="2026-01-01"),
        data(order_id=""),
        data(order_id=17),
        data(lines=[{"line_id": "a", "quantity": 1}]),
        data(lines=[{**LINE, "quantity": -1}]),
        data(lines=[{**LINE, "quantity": 1.5}]),
        data(lines={}),
        data(attributes={"a": [1]}),
        data(attributes={"a": 2**53}),
        data(refunds=[{"amount": 5}]),
        data(refunds=[{"refund_id": "r", "amount": 5, "at": "today"}]),
        data(refunds=[{"refund_id": "r", "amount": 1.5}]),
        {"order": {"order_id": "1", "refunds": [], "number": "7"}},
        {"order": None},
        {"order": []},
        {},
    ],
)
def test_what_is_no_order_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_event(bad, TIME)
    with pytest.raises(ValueError, match=r"."):
        from_event(json.dumps(bad).encode(), TIME)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'{"order":{"order_id":"\\ud800"}}',
        b'{"order":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_broken_documents_are_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_event(bad, TIME)


def test_an_order_and_its_refunds_may_come_without_each_other() -> None:
    alone = from_event({"order": {"order_id": "1", "refunds": [{"refund_id": "r", "amount": 5}]}}, TIME)
    assert alone == {"order_id": "1", "refunds": {"r": {"refund_id": "r", "amount": 5, "updated_at": TIME}}}
    assert from_event(data(refunds=None), TIME)["refunds"] == {}


def test_a_refund_said_twice_in_one_event_is_one_whatever_comes_first() -> None:
    small, large = {"refund_id": "r", "amount": 5}, {"refund_id": "r", "amount": 7}
    read = [from_event(data(refunds=given), TIME)["refunds"] for given in ([small, large], [large, small])]
    assert read[0] == read[1] == {"r": {**large, "updated_at": TIME}}
