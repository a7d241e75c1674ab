"""When an order counts, and since when."""

from typing import Any

import pytest

from comeback_contracts.eligible import counts, earned_at

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def order(**fields: Any) -> dict[str, Any]:
    return {
        "order_id": "1",
        "currency": "EUR",
        "customer": {"customer_id": "c"},
        "state": "open",
        "payment_state": "paid",
        "fulfilment_state": "unfulfilled",
        "lines": [{"line_id": "a", "quantity": 2, "total": 1000}],
        "discounts": [],
        "total": 1000,
        "placed_at": EARLY,
        "updated_at": EARLY,
        "refunds": {},
        **fields,
    }


@pytest.mark.parametrize(
    ("payment_state", "paid", "placed"),
    [
        ("pending", False, True),
        ("paid", True, True),
        ("partially_refunded", True, True),
        ("refunded", False, False),
        ("voided", False, False),
        ("authorized", False, False),
    ],
)
def test_the_payment_decides(payment_state: str, paid: bool, placed: bool) -> None:
    assert counts(order(payment_state=payment_state), "paid") is paid
    assert counts(order(payment_state=payment_state), "placed") is placed


@pytest.mark.parametrize(
    ("fulfilment_state", "fulfilled", "delivered"),
    [("unfulfilled", False, False), ("partial", False, False), ("fulfilled", True, False), ("delivered", True, True)],
)
def test_the_state_of_earn_on_has_to_be_reached(fulfilment_state: str, fulfilled: bool, delivered: bool) -> None:
    given = order(fulfilment_state=fulfilment_state)
    assert counts(given, "fulfilled") is fulfilled
    assert counts(given, "delivered") is delivered
    assert not counts({**given, "payment_state": "pending"}, "fulfilled")


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "cancelled"},
        {"is_test": True},
        {"customer": None},
        {"customer": {}},
        {"customer": {"customer_id": None, "locale": "de"}},
    ],
)
def test_what_never_counts(fields: dict[str, Any]) -> None:
    assert not counts(order(**fields))
    assert not counts(order(**fields), "placed")


def test_a_closed_order_counts() -> None:
    assert counts(order(state="closed"))


def test_refunds_alone_do_not_count() -> None:
    assert not counts({"order_id": "1", "refunds": {"r": {"refund_id": "r", "amount": 5, "updated_at": EARLY}}})


@pytest.mark.parametrize(
    ("refund", "expected"),
    [
        ({"amount": 999}, True),
        ({"amount": 1000}, False),
        ({"amount": 500, "lines": [{"line_id": "a", "quantity": 1, "amount": 500}]}, True),
        ({"amount": 900, "lines": [{"line_id": "a", "quantity": 2, "amount": 900}]}, False),
        ({"amount": 0, "lines": [{"line_id": "a", "quantity": 2, "amount": 0}]}, False),
    ],
)
def test_something_has_to_be_left(refund: dict[str, Any], expected: bool) -> None:
    assert counts(order(refunds={"r": {"refund_id": "r", **refund}})) is expected


def test_all_the_money_back_leaves_nothing_although_the_lines_were_dearer() -> None:
    """20.00 of goods, 5.00 off: 15.00 back is everything."""
    given = order(
        lines=[{"line_id": "a", "quantity": 1, "total": 2000}],
        discounts=[{"kind": "order", "amount": 500}],
        total=1500,
        refunds={"r": {"refund_id": "r", "amount": 1500}},
    )
    assert not counts(given)


def test_a_free_order_counts_until_its_pieces_come_back() -> None:
    free = order(lines=[{"line_id": "a", "quantity": 1, "total": 0}], total=0)
    assert counts(free)
    assert counts({**free, "refunds": {"r": {"refund_id": "r", "amount": 0}}})
    back = {"refund_id": "r", "amount": 0, "lines": [{"line_id": "a", "quantity": 1, "amount": 0}]}
    assert not counts({**free, "refunds": {"r": back}})


def test_it_earns_at_the_instant_of_earn_on_else_when_it_was_placed() -> None:
    given = order(paid_at=LATE)
    assert earned_at(given, "paid") == LATE
    assert earned_at(given, "placed") == EARLY
    assert earned_at(given, "delivered") == EARLY
