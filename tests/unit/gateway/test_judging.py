"""What ``POST /v1/events`` accepts, refuses and says, without HTTP."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comeback_contracts.envelope import decode
from comeback_contracts.registry import EVENT_TYPES
from comeback_kit.errors import BadRequest, Unprocessable
from gateway.entries import Origin, first_and_rest
from gateway.ingest.judging import Accepted, Rejected, judge
from gateway.ingest.reading import read

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORIGIN = Origin("demo", "api", b"guest secret", "key1", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
ORDER: dict[str, Any] = {
    "order_id": "1001",
    "currency": "EUR",
    "payment_state": "paid",
    "customer": {
        "customer_id": "c-1",
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "locale": "de",
        "country": "DE",
    },
    "lines": [{"line_id": "1", "title": "Lamp", "quantity": 2, "unit_price": 4500}],
    "shipping": 490,
    "total": 9490,
    "placed_at": "2026-06-01T11:00:00+02:00",
}


def event(data: Any = None, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"id": "e-1", "type": "order.placed", "occurred_at": "2026-06-01T11:30:00Z"}
    whole["data"] = {"order": ORDER} if data is None else data
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def order(**changes: Any) -> dict[str, Any]:
    return {"order": {**copy.deepcopy(ORDER), **changes}}


def accepted(posted: Any) -> list[dict[str, Any]]:
    verdict = judge(posted, "", ORIGIN, NOW)
    assert isinstance(verdict, Accepted), verdict
    return [msgspec.json.decode(entry.value) for entry in verdict.entries]


def refused(posted: Any, place: str = "/events/3") -> tuple[str, list[str]]:
    verdict = judge(posted, place, ORIGIN, NOW)
    assert isinstance(verdict, Rejected), verdict
    assert json.dumps([one.detail for one in verdict.error.errors])
    return verdict.error.code, [one.pointer for one in verdict.error.errors]


def test_an_order_goes_on_the_log_as_the_contract_says() -> None:
    verdict = judge(event(), "", ORIGIN, NOW)
    assert isinstance(verdict, Accepted)
    contact, placed = verdict.entries
    assert (placed.topic, placed.key) == ("comeback.orders.v1", "demo:1001")
    assert (contact.topic, contact.key) == ("comeback.customers.v1", "demo:c-1")
    assert placed.headers == {"content-type": "application/cloudevents+json", "traceparent": ORIGIN.traceparent}
    document = decode(placed.value)
    assert (document.id, document.source, document.type) == ("e-1", "api", "order.placed")
    assert (document.time, document.subject, document.shopid) == ("2026-06-01T11:30:00Z", "1001", "demo")
    assert (document.keyid, document.traceparent) == ("key1", ORIGIN.traceparent)
    data = msgspec.json.decode(document.data)["order"]
    assert data["customer"] == {"customer_id": "c-1", "locale": "de", "country": "DE"}
    assert data["placed_at"] == "2026-06-01T09:00:00Z"
    assert data["updated_at"] == "2026-06-01T11:30:00Z"


def test_contact_data_becomes_a_customer_event_of_its_own() -> None:
    contact, placed = accepted(event())
    assert (contact["id"], contact["type"], contact["source"]) == ("e-1:customer", "customer.updated", "api")
    assert contact["data"] == {
        "customer_id": "c-1",
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "locale": "de",
        "country": "DE",
        "updated_at": "2026-06-01T11:30:00Z",
    }
    assert "ada@example.com" not in json.dumps(placed).lower()


def test_a_guest_has_the_same_id_by_e_mail_in_any_case_and_none_without_contact() -> None:
    ids = set()
    for email in ("Ada@Example.com", "ada@example.com"):
        contact, placed = accepted(event(order(customer={"email": email, "phone": "+49 170 1234567"})))
        ids |= {contact["data"]["customer_id"], placed["data"]["order"]["customer"]["customer_id"]}
    assert len(ids) == 1
    assert ids.pop().startswith("guest:")
    (placed,) = accepted(event(order(customer={"first_name": "Ada", "country": "DE"})))
    assert placed["data"]["order"]["customer"] == {"country": "DE"}
    (placed,) = accepted(event(order(customer=None)))
    assert "customer" not in placed["data"]["order"]


def test_a_carts_e_mail_goes_to_the_customers_topic() -> None:
    data = {"cart_id": "k1", "email": "ada@example.com", "lines": [], "total": 0, "currency": "EUR"}
    contact, cart = accepted(event(data, type="cart.updated"))
    assert contact["type"] == "customer.updated"
    assert contact["data"]["email"] == "ada@example.com"
    assert "email" not in cart["data"]
    assert cart["data"]["customer_id"] == contact["data"]["customer_id"]


def test_shops_and_customers_are_appended_before_orders() -> None:
    entries = []
    for posted in (
        event(),
        event({"product_id": "p", "title": "P", "price": 1, "currency": "EUR"}, type="product.upserted"),
        event({"customer_id": "c"}, type="customer.registered"),
    ):
        verdict = judge(posted, "", ORIGIN, NOW)
        assert isinstance(verdict, Accepted)
        entries += verdict.entries
    first, rest = ([entry.topic.split(".")[1] for entry in part] for part in first_and_rest(entries))
    assert first == ["customers", "catalog", "customers"]
    assert rest == ["orders"]


def test_refunds_alone_are_taken() -> None:
    refund = {"refund_id": "r", "at": "2026-06-01T10:00:00Z", "amount": 5}
    (document,) = accepted(event({"order": {"order_id": "1001", "refunds": [refund]}}, type="order.refunded"))
    assert document["data"]["order"].keys() == {"order_id", "refunds", "updated_at"}


@pytest.mark.parametrize(
    ("posted", "code", "pointers"),
    [
        ("text", "invalid_request", [""]),
        ([], "invalid_request", [""]),
        (None, "invalid_request", [""]),
        (event(id=...), "invalid_request", ["/id"]),
        (event(id=None), "invalid_request", ["/id"]),
        (event(id=""), "invalid_request", ["/id"]),
        (event(id="a/b"), "invalid_request", ["/id"]),
        (event(id="a\x00"), "invalid_request", ["/id"]),
        (event(id="\ud800"), "invalid_request", ["/id"]),
        (event(id="a" * 129), "invalid_request", ["/id"]),
        (event(id=7), "invalid_request", ["/id"]),
        (event(type="order.exploded"), "invalid_request", ["/type"]),
        (event(type="points.earned"), "invalid_request", ["/type"]),
        (event(type="message.sent"), "invalid_request", ["/type"]),
        (event(type=["order.placed"]), "invalid_request", ["/type"]),
        (event(occurred_at="yesterday"), "invalid_request", ["/occurred_at"]),
        (event(occurred_at="2026-06-01T11:30:00"), "invalid_request", ["/occurred_at"]),
        (event(occurred_at=1780000000), "invalid_request", ["/occurred_at"]),
        (event(occurred_at="2026-06-01T12:10:01Z"), "in_the_future", ["/occurred_at"]),
        (event(data=...), "invalid_request", ["/data"]),
        (event(data=[1]), "invalid_request", ["/data"]),
        (event({"order": ORDER, "more": 1}), "invalid_request", ["/data/more"]),
        (event(more=1, other=2), "invalid_request", ["/more", "/other"]),
        (event({"order": 7}), "invalid_request", ["/data/order"]),
        (event(order(total=9492)), "order_does_not_add_up", ["/data/order/total"]),
        (event(order(total=94.9)), "invalid_request", ["/data/order/total"]),
        (event(order(total="9490")), "invalid_request", ["/data/order/total"]),
        (event(order(total=True)), "invalid_request", ["/data/order/total"]),
        (event(order(total=2**53)), "invalid_request", ["/data/order/total"]),
        (event(order(currency="EURO")), "invalid_request", ["/data/order/currency"]),
        (event(order(placed_at="2026-06-01T12:10:01Z")), "in_the_future", ["/data/order/placed_at"]),
        (event(order(number="a\x00b")), "invalid_request", ["/data/order/number"]),
        (event(order(number="\udfff")), "invalid_request", ["/data/order/number"]),
        (event(order(balance=1)), "invalid_request", ["/data/order/balance"]),
        (event(order(lines=[{**ORDER["lines"][0], "sku": 7}])), "invalid_request", ["/data/order/lines/0/sku"]),
        (event(order(**{"a~/b": 1})), "invalid_request", ["/data/order/a~0~1b"]),
        (event({"customer_id": "c", "email": "no"}, type="customer.updated"), "invalid_request", ["/data/email"]),
    ],
)
def test_a_bad_event_is_refused_with_pointers(posted: Any, code: str, pointers: list[str]) -> None:
    assert refused(posted) == (code, [f"/events/3{pointer}" for pointer in pointers])
    assert refused(posted, "") == (code, pointers)


def test_ten_minutes_ahead_are_a_skewed_clock() -> None:
    assert accepted(event(occurred_at="2026-06-01T12:10:00Z"))[-1]["time"] == "2026-06-01T12:10:00Z"
    expected = accepted(event(order(estimated_delivery_at="2026-06-09T12:00:00Z")))[-1]["data"]["order"]
    assert expected["estimated_delivery_at"] == "2026-06-09T12:00:00Z"


def test_a_shop_speaks_only_of_itself() -> None:
    shop = {"shop_id": "demo", "name": "Demo", "currency": "EUR", "time_zone": "Europe/Berlin", "locale": "de"}
    assert accepted(event(shop, type="shop.upserted"))[0]["subject"] == "demo"
    assert refused(event({**shop, "shop_id": "other"}, type="shop.upserted"))[1] == ["/events/3/data/shop_id"]
    assert refused(event({**shop, "time_zone": "Mars/Base"}, type="shop.upserted"))[1] == ["/events/3/data/time_zone"]


def test_an_event_that_no_reader_would_take_is_too_large() -> None:
    line = {"quantity": 0, "unit_price": 0, "title": "t" * 3900}
    lines = [{**line, "line_id": str(number)} for number in range(300)]
    assert refused(event(order(lines=lines, total=490)))[0] == "too_large"


def test_every_type_of_the_services_own_is_refused() -> None:
    for name, kind in EVENT_TYPES.items():
        if not kind.is_accepted:
            assert refused(event(type=name), "") == ("invalid_request", ["/type"])


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(["id", "type", "occurred_at", "data", "order", "lines", "x"]), inner),
        ),
        max_leaves=12,
    )
)
def test_whatever_is_posted_gets_a_verdict(posted: Any) -> None:
    for value in (posted, event(data=[posted]), event({"order": posted})):
        verdict = judge(value, "/events/0", ORIGIN, NOW)
        assert isinstance(verdict, Rejected)
        assert all(one.pointer.startswith("/events/0") for one in verdict.error.errors)


def test_one_event_and_a_batch_are_told_apart() -> None:
    one = read(json.dumps(event()).encode())
    assert (one.single, one.pointer(0), len(one.events)) == (True, "", 1)
    many = read(json.dumps({"events": [event(), 7]}).encode())
    assert (many.single, many.pointer(1), len(many.events)) == (False, "/events/1", 2)


@pytest.mark.parametrize("body", [b"", b"{", b"{'a':1}", b"\xff", b'{"a":NaN}', b"[1,]", b'{"a":1} x', b"[" * 200_000])
def test_broken_json_cannot_be_read(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"[]", ""),
        (b"null", ""),
        (b'"text"', ""),
        (b'{"events": []}', "/events"),
        (b'{"events": {}}', "/events"),
        (b'{"events": null}', "/events"),
        (b'{"events": [1], "id": "x"}', "/id"),
        (json.dumps({"events": [1] * 501}).encode(), "/events"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: bytes, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read(body)
    assert [one.pointer for one in refusal.value.errors] == [pointer]


@pytest.mark.parametrize("text", [r'"\ud800"', r'"a\udfffb"'])
def test_a_lone_surrogate_is_a_bad_field_not_broken_json(text: str) -> None:
    body = json.dumps(event(order(number="MARK"))).replace('"MARK"', text).encode()
    (posted,) = read(body).events
    assert refused(posted, "") == ("invalid_request", ["/data/order/number"])
