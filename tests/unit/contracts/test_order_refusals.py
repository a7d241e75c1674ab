"""What is refused of an order, and what the caller is told."""

from typing import Any

import pytest

from comeback_contracts.topics import UnknownType
from comeback_contracts.validation import validate
from tests.unit.contracts.sending import FUTURE, PLACED, TIME, accept, line, order, refuse


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"order_id": "a/b"}, "/order/order_id"),
        ({"order_id": 1001}, "/order/order_id"),
        ({"currency": "EURO"}, "/order/currency"),
        ({"total": 2000.0}, "/order/total"),
        ({"total": "2000"}, "/order/total"),
        ({"tip": True}, "/order/tip"),
        ({"shipping": -1}, "/order/shipping"),
        ({"state": "open "}, "/order/state"),
        ({"is_test": "no"}, "/order/is_test"),
        ({"is_test": None}, "/order/is_test"),
        ({"number": "x\x00"}, "/order/number"),
        ({"number": "\ud800"}, "/order/number"),
        ({"loyalty": 1}, "/order/loyalty"),
        ({"lines": [line(), line()]}, "/order/lines"),
        ({"lines": [line(color="red")]}, "/order/lines/0/color"),
        ({"lines": [line(quantity=1.5)]}, "/order/lines/0/quantity"),
        ({"lines": [{"line_id": "a", "quantity": 1}]}, "/order/lines/0/unit_price"),
        ({"discounts": [{"kind": "gift", "amount": 1}]}, "/order/discounts/0/kind"),
        ({"refunds": [{"refund_id": "r", "at": PLACED, "amount": 1}] * 2}, "/order/refunds"),
        ({"customer": {"email": "nobody"}}, "/order/customer/email"),
        ({"customer": {"email": "a@b\nBcc: c@d"}}, "/order/customer/email"),
        ({"customer": {"country": "Germany"}}, "/order/customer/country"),
        ({"placed_at": "2026-01-01"}, "/order/placed_at"),
        ({"placed_at": 1767225600}, "/order/placed_at"),
        ({"attributes": {str(i): i for i in range(51)}}, "/order/attributes"),
        ({"attributes": {"a/b~c": {}}}, "/order/attributes/a~1b~0c"),
        ({"attributes": {"n": 2**53}}, "/order/attributes/n"),
        ({"attributes": {"n": float("nan")}}, "/order/attributes/n"),
        ({"attributes": {"n": 1e20}}, "/order/attributes/n"),
        ({"attributes": {"n": -9007199254740992.0}}, "/order/attributes/n"),
        ({"attributes": {"": 1}}, "/order/attributes/"),
    ],
)
def test_a_bad_field_is_pointed_at(changes: dict[str, Any], where: str) -> None:
    code, errors = refuse("order.placed", {"order": order(**changes)})
    assert code == "invalid_request"
    assert where in errors


def test_fifty_scalars_are_taken() -> None:
    attributes = {f"a{i}": value for i, value in enumerate([1, 1.5, True, "x", None] * 10)}
    assert accept("order.placed", {"order": order(attributes=attributes)})["order"]["attributes"] == attributes


@pytest.mark.parametrize("name", ["placed_at", "paid_at", "delivered_at", "cancelled_at", "updated_at"])
def test_nothing_has_happened_in_the_future(name: str) -> None:
    assert refuse("order.placed", {"order": order(**{name: FUTURE})}) == (
        "in_the_future",
        {f"/order/{name}": "is more than 10 minutes in the future"},
    )
    validate("order.placed", {"order": order(**{name: FUTURE})}, time=TIME)


def test_a_wrong_field_beside_the_future_is_an_invalid_request() -> None:
    code, errors = refuse("order.placed", {"order": order(placed_at=FUTURE, tip="x")})
    assert (code, set(errors)) == ("invalid_request", {"/order/placed_at", "/order/tip"})


@pytest.mark.parametrize("data", [None, [], "order", 7])
def test_data_is_an_object(data: Any) -> None:
    assert refuse("order.placed", data) == ("invalid_request", {"": "must be an object"})
    assert refuse("customer.updated", data) == ("invalid_request", {"": "must be an object"})


@pytest.mark.parametrize("data", [{}, {"order": None}, {"order": []}, {"order": order(), "extra": 1}])
def test_data_holds_the_order_and_nothing_else(data: Any) -> None:
    assert refuse("order.placed", data)[0] == "invalid_request"


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnknownType):
        validate("order.exploded", {}, time=TIME)
