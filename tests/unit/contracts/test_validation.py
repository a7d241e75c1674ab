"""What callers may send, what is said for them, and what they are told when they may not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from comeback_contracts.order_merge import from_event
from comeback_contracts.problems import InvalidData, pointer
from comeback_contracts.topics import UnknownType
from comeback_contracts.validation import validate

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TIME = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACED = "2026-01-01T00:00:00Z"
FUTURE = "2026-01-02T00:10:01Z"


def line(line_id: str = "a", **fields: Any) -> dict[str, Any]:
    return {"line_id": line_id, "quantity": 2, "unit_price": 1000, **fields}


def order(**fields: Any) -> dict[str, Any]:
    return {
        "order_id": "1001",
        "currency": "EUR",
        "lines": [line()],
        "total": 2000,
        "placed_at": PLACED,
        **fields,
    }


def accept(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return validate(kind, data, time=TIME, now=NOW)


def refuse(kind: str, data: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(InvalidData) as caught:
        validate(kind, data, time=TIME, now=NOW)
    return caught.value.code, {one.pointer: one.detail for one in caught.value.errors}


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


def test_what_a_customer_event_leaves_out_stays_out_and_what_it_clears_stays_null() -> None:
    assert accept("customer.updated", {"customer_id": "c", "email": None, "locale": "de"}) == {
        "customer_id": "c",
        "email": None,
        "locale": "de",
        "updated_at": "2026-01-01T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (
            "customer.registered",
            {"customer_id": "c", "birthday": "1990-01-31", "tags": ["vip"], "time_zone": "Europe/Berlin"},
        ),
        ("customer.updated", {"customer_id": "c", "birthday": "--02-29"}),
        (
            "customer.consent_changed",
            {"customer_id": "c", "channel": "email", "purpose": "marketing", "state": "granted"},
        ),
        ("customer.merged", {"from": "guest:1", "into": "c"}),
        ("customer.erased", {"customer_id": "c"}),
        (
            "cart.updated",
            {"cart_id": "k", "lines": [{"product_id": "p", "quantity": 1}], "total": 5, "currency": "EUR"},
        ),
        (
            "cart.abandoned",
            {"cart_id": "k", "lines": [], "total": 0, "currency": "EUR", "checkout_url": "https://x.example/c"},
        ),
        ("product.viewed", {"customer_id": "c", "product_id": "p"}),
        ("activity.recorded", {"activity_id": "a", "customer_id": "c", "kind": "review", "attributes": {"stars": 5}}),
        (
            "product.upserted",
            {"product_id": "p", "title": "T", "price": 5, "currency": "EUR", "rating": 4.5, "in_stock": True},
        ),
        ("product.deleted", {"product_id": "p"}),
        (
            "shop.upserted",
            {"shop_id": "s", "name": "S", "currency": "EUR", "time_zone": "UTC", "locale": "en", "country": "DE"},
        ),
        (
            "return.requested",
            {"return_id": "r", "order_id": "1", "lines": [{"line_id": "a", "quantity": 1, "reason": "small"}]},
        ),
        ("points.earned", {"customer_id": "c", "points": 5, "balance": 5, "transaction_id": "t", "pending": False}),
        ("points.clawed_back", {"customer_id": "c", "points": 5, "balance": -5, "transaction_id": "t", "shortfall": 2}),
        ("tier.changed", {"customer_id": "c", "from": "a", "to": "b"}),
        ("survey.requested", {"customer_id": "c", "survey_id": "nps", "url": "https://x.example/f/t"}),
        (
            "survey.answered",
            {"customer_id": "c", "survey_id": "nps", "response_id": "r", "score": 9, "answers": {"q": ["a"]}},
        ),
        (
            "message.skipped",
            {"customer_id": "c", "message_id": "m", "workflow": "w", "channel": "email", "reason": "too_old"},
        ),
        ("replenishment.due", {"customer_id": "c", "product_id": "p", "due_at": "2026-05-01T00:00:00Z"}),
    ],
)
def test_every_smaller_type_takes_its_example(kind: str, data: dict[str, Any]) -> None:
    read = accept(kind, data)
    assert {name: read[name] for name in data} == data
    assert refuse(kind, {**data, "surprise": 1})[1] == {"/surprise": "is not a known field"}


def test_pointers_are_escaped() -> None:
    assert pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"
    assert pointer(()) == ""
