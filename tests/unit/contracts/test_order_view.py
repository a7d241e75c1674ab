"""A view says what its order says, and an event is taken as it stands only where a state would be written the same."""

import json
import random
import typing
from typing import Any

import msgspec
import pytest

from comeback_contracts import order_view, order_wire
from comeback_contracts.order_merge import from_event
from comeback_contracts.order_reading import snapshot_in, view_in, view_of
from tests.unit.contracts.events import order_event

TIME = "2026-01-01T00:00:00Z"
LINE = {"line_id": "a", "quantity": 1, "total": 100}
PAIRS = [
    (order_wire._Order, order_view.OrderView),
    (order_wire._Line, order_view.LineView),
    (order_wire._Customer, order_view.CustomerView),
    (order_wire._Discount, order_view.DiscountView),
    (order_wire._Refund, order_view.RefundView),
    (order_wire._RefundLine, order_view.RefundLineView),
]
NESTED = {"customer", "lines", "discounts", "refunds"}


def written(data: Any) -> bytes:
    """As the gateway's encoder writes it."""
    return msgspec.json.encode(data)


def data(**fields: Any) -> dict[str, Any]:
    fixed = {"order_id": "1", "currency": "EUR", "lines": [LINE], "total": 100, "placed_at": TIME, "updated_at": TIME}
    return {"order": {**fixed, **fields}}


def plain(given: dict[str, Any]) -> dict[str, Any]:
    """The same event without what a state has in another form."""
    order = {name: value for name, value in given["order"].items() if value is not None}
    order = {name: value for name, value in order.items() if name not in ("attributes", "refunds")}
    if "customer" in order:
        order["customer"] = {name: value for name, value in order["customer"].items() if value is not None}
    if "lines" in order:
        order["lines"] = [
            {name: value for name, value in line.items() if value is not None and name != "attributes"}
            for line in order["lines"]
        ]
    return {"order": order}


@pytest.mark.parametrize(("wire", "view"), PAIRS, ids=lambda one: one.__name__)
def test_a_view_has_the_fields_of_the_wire_and_checks_them_alike(wire: Any, view: Any) -> None:
    hints = typing.get_type_hints(wire, include_extras=True)
    asked = {name: typing.get_args(hint)[0] if "Required" in repr(hint) else hint for name, hint in hints.items()}
    given = typing.get_type_hints(view, include_extras=True)
    assert asked.keys() == given.keys()
    for name in asked.keys() - NESTED:
        assert repr(asked[name]) == repr(given[name]), name
    optional = {name for name in given if type(None) not in typing.get_args(given[name])}
    assert optional == set(wire.__required_keys__)


def test_a_snapshot_is_what_reading_and_writing_the_state_gives() -> None:
    rng = random.Random(20260203)
    taken = 0
    for _ in range(20_000):
        given, time = order_event(rng)
        given = plain(given) if rng.random() < 0.8 else given
        found = snapshot_in(written(given))
        if found is None:
            continue
        taken += 1
        state = from_event(given, time)
        assert json.dumps(json.loads(found.document), sort_keys=True) == json.dumps(state, sort_keys=True)
        for view in (view_of(state), view_in(found.document), view_in(msgspec.json.encode(state))):
            assert msgspec.to_builtins(found.view) | {"refunds": {}} == msgspec.to_builtins(view)
    assert taken > 400, "the generator has to make plain orders"


@pytest.mark.parametrize(
    "other",
    [
        written(data(number=None)),
        written(data(attributes={"gift": "for Otto"})),
        written(data(lines=[{**LINE, "attributes": {"engraving": "Otto"}}])),
        written(data(refunds=[])),
        written(data(loyalty_card="x")),
        written(data(lines=[{**LINE, "color": "red"}])),
        written(data(customer={"customer_id": "ada", "note": "x"})),
        written(data(discounts=[{"amount": 5, "note": "x"}])),
        written({**data(), "more": 1}),
        written(data(paid_at="2026-01-01T01:00:00+01:00")),
        written(data(paid_at="2026-01-01T00:00:00.500Z")),
        written(data(paid_at="yesterday")),
        written(data(updated_at="2026-02-30T00:00:00Z")),
        written({"order": {name: value for name, value in data()["order"].items() if name != "updated_at"}}),
        written({"order": {name: value for name, value in data()["order"].items() if name != "lines"}}),
        written({"order": {"order_id": "1", "updated_at": TIME}}),
        written(data(total="100")),
        written(data(total=10.0)),
        written(data(order_id="")),
        written(data(lines=[{**LINE, "quantity": -1}])),
        written(data(title=["\ud7ff"] * 3)),
        written(data())[:-1],
        b'{"order":' + written(data()["order"]) + b',"order":' + written(data()["order"]) + b"}",
        b'{"order":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        written(data(number="x")).replace(b'"x"', b'"\xff"'),
        b"[]",
        b"",
    ],
)
def test_what_has_another_form_is_left_to_the_reader(other: bytes) -> None:
    assert snapshot_in(other) is None
    assert snapshot_in(written(data())) is not None


def test_spaces_do_no_harm() -> None:
    found = snapshot_in(json.dumps(data()).encode())
    assert found is not None
    assert json.loads(found.document) == from_event(data(), TIME)


def test_a_view_of_a_view_is_itself_and_of_no_order_an_error() -> None:
    view = view_of(data()["order"])
    assert view_of(view) is view
    with pytest.raises(ValueError, match="order_id"):
        view_of({})
