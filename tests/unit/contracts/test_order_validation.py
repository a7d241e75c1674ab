"""What callers may send of an order, and what is said for them."""

from typing import Any

import pytest

from comeback_contracts.order_merge import from_event
from tests.unit.contracts.sending import PLACED, accept, line, order, refuse


def test_a_minimal_order_is_completed() -> None:
    assert accept("order.placed", {"order": order()}) == {
        "order": {
            "order_id": "1001",
            "state": "open",
            "payment_state": "pending",
            "fulfilment_state": "unfulfilled",
            "is_test": False,
            "currency": "EUR",
            "tax_included": False,
            "lines": [
                {
                    "line_id": "a",
                    "title": "",
                    "category_ids": [],
                    "quantity": 2,
                    "unit_price": 1000,
                    "discount": 0,
                    "tax": 0,
                    "total": 2000,
                    "is_gift_card": False,
                }
            ],
            "discounts": [],
            "shipping": 0,
            "tax": 0,
            "tip": 0,
            "total": 2000,
            "refunds": [],
            "placed_at": PLACED,
            "updated_at": "2026-01-01T12:00:00Z",
        }
    }


def test_a_full_order_comes_out_as_it_went_in() -> None:
    full = order(
        number="#1001",
        state="closed",
        payment_state="partially_refunded",
        fulfilment_state="delivered",
        is_test=True,
        channel="web",
        tax_included=True,
        customer={
            "customer_id": "c",
            "email": "a@b.example",
            "phone": "+491701234567",
            "first_name": "Ä",
            "locale": "de-DE",
        },
        lines=[
            line(
                product_id="p",
                variant_id="v",
                sku="s",
                title="T",
                category_ids=["k"],
                discount=100,
                tax=300,
                total=1900,
                is_gift_card=True,
                attributes={"color": "red", "n": 1.5, "b": False},
            )
        ],
        discounts=[{"code": "X", "kind": "points", "amount": 100}],
        shipping=500,
        tax=350,
        tip=50,
        total=2350,
        refunds=[
            {
                "refund_id": "r",
                "at": PLACED,
                "lines": [{"line_id": "a", "quantity": 1, "amount": 950}],
                "shipping": 0,
                "tax": 0,
                "amount": 950,
            }
        ],
        attributes={"vip": True},
        paid_at=PLACED,
        fulfilled_at=PLACED,
        delivered_at=PLACED,
        estimated_delivery_at="2027-01-01T00:00:00Z",
        cancelled_at=PLACED,
        updated_at=PLACED,
    )
    assert accept("order.updated", {"order": full}) == {"order": full}


@pytest.mark.parametrize(
    ("kind", "field", "state"),
    [
        ("order.paid", "payment_state", "paid"),
        ("order.fulfilled", "fulfilment_state", "fulfilled"),
        ("order.delivered", "fulfilment_state", "delivered"),
        ("order.cancelled", "state", "cancelled"),
    ],
)
def test_the_type_says_the_state_that_the_order_leaves_out(kind: str, field: str, state: str) -> None:
    assert accept(kind, {"order": order()})["order"][field] == state
    said = "refunded" if field == "payment_state" else "closed" if field == "state" else "partial"
    assert accept(kind, {"order": order(**{field: said})})["order"][field] == said


def test_refunds_may_come_alone() -> None:
    refunds = [{"refund_id": "r", "at": PLACED, "amount": 5}]
    read = accept("order.refunded", {"order": {"order_id": "1", "refunds": refunds}})
    assert read["order"]["updated_at"] == "2026-01-01T12:00:00Z"
    assert set(from_event(read, PLACED)) == {"order_id", "refunds"}
    code, errors = refuse("order.updated", {"order": {"order_id": "1", "refunds": refunds}})
    assert (code, set(errors)) == (
        "invalid_request",
        {"/order/currency", "/order/lines", "/order/total", "/order/placed_at"},
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"total": 2001}, True),
        ({"total": 1999}, True),
        ({"total": 2002}, False),
        ({"total": 1998}, False),
        ({"lines": [line("a"), line("b")], "total": 4002}, True),
        ({"lines": [line("a"), line("b")], "total": 4003}, False),
        ({"tax": 380, "total": 2380}, True),
        ({"tax": 380, "total": 2000}, False),
        ({"tax": 380, "tax_included": True}, True),
        ({"tax": 380, "tax_included": True, "total": 2380}, False),
        ({"shipping": 500, "tip": 100, "total": 2600}, True),
        ({"discounts": [{"amount": 300}, {"kind": "shipping", "amount": 500}], "shipping": 500, "total": 1700}, True),
        ({"discounts": [{"amount": 300}], "total": 2000}, False),
        ({"lines": [], "total": 0}, True),
        ({"lines": [], "total": 1}, False),
        ({"lines": [], "tip": 700, "total": 700}, True),
    ],
)
def test_an_order_adds_up_to_a_unit_a_line(fields: dict[str, Any], expected: bool) -> None:
    if expected:
        accept("order.placed", {"order": order(**fields)})
    else:
        code, errors = refuse("order.placed", {"order": order(**fields)})
        assert (code, list(errors)) == ("order_does_not_add_up", ["/order/total"])


def test_a_line_adds_up_to_a_unit() -> None:
    accept("order.placed", {"order": order(lines=[line(unit_price=333, discount=1, total=666)], total=666)})
    code, errors = refuse("order.placed", {"order": order(lines=[line(total=1000)], total=1000)})
    assert (code, list(errors)) == ("order_does_not_add_up", ["/order/lines/0/total"])


def test_a_line_without_a_total_is_reckoned() -> None:
    read = accept("order.placed", {"order": order(lines=[line(discount=500)], total=1500)})
    assert read["order"]["lines"][0]["total"] == 1500


def test_a_discount_above_the_line_is_refused() -> None:
    code, errors = refuse("order.placed", {"order": order(lines=[line(discount=2500)], total=0)})
    assert code == "invalid_request"
    assert "/order/lines/0/total" in errors
