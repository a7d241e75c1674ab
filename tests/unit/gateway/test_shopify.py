"""Shopify's bodies as events: the vendor's own samples, and what they leave out."""

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comeback_contracts import topics
from comeback_contracts.guest import guest_id
from comeback_contracts.remaining import remaining
from comeback_contracts.validation import validate
from gateway.webhooks.mapped import Mapped, Unmappable
from gateway.webhooks.routes import delivery_id, source_of
from gateway.webhooks.shopify.orders import order
from gateway.webhooks.shopify.topics import IGNORED, KNOWN, ORDER_TOPICS, Delivery, map_delivery
from gateway.webhooks.shopify.values import minor
from tests.support.shared_files import shared_file

_TYPES = {name for names in topics.TYPES.values() for name in names}

TIME = datetime(2026, 6, 1, tzinfo=UTC)
SECRET = b"guest secret"


def payload(name: str) -> Any:
    text = shared_file(f"payloads/{name}.json").read_text()
    return json.loads(text, parse_float=Decimal)["payload"]


def mapped(topic: str, body: Any, currency: str = "EUR") -> list[Mapped]:
    events = map_delivery(Delivery(topic, body, "2026-06-01T12:00:00Z", currency, SECRET))
    for event in events:
        validate(event.type, event.data, time=TIME)
    return events


def order_of(topic: str, body: Any) -> dict[str, Any]:
    (event,) = mapped(topic, body)
    found: dict[str, Any] = validate(event.type, event.data, time=TIME)["order"]
    return found


def plain(**changes: Any) -> dict[str, Any]:
    """A small paid order without anything special."""
    body = {
        "id": 1,
        "currency": "EUR",
        "created_at": "2026-05-01T10:00:00+02:00",
        "updated_at": "2026-05-01T10:05:00+02:00",
        "financial_status": "paid",
        "total_price": "30.00",
        "line_items": [{"id": 11, "title": "Lamp", "quantity": 2, "price": "15.00"}],
    }
    return {**body, **changes}


def test_the_documented_order_is_mapped_whole() -> None:
    found = order_of("orders/create", payload("shopify_orders_create"))
    assert found["order_id"] == "820982911946154500"
    assert (found["number"], found["channel"], found["currency"]) == ("#9999", "web", "USD")
    assert (found["state"], found["payment_state"], found["is_test"]) == ("cancelled", "voided", True)
    assert (found["shipping"], found["tax"], found["tip"], found["total"]) == (1000, 0, 0, 40495)
    assert found["discounts"] == [{"kind": "order", "amount": 2000}]
    assert [line["total"] for line in found["lines"]] == [8999, 1999, 2499, 15999, 11999]
    assert "product_id" not in found["lines"][1]
    assert found["customer"] == {
        "customer_id": "115310627314723950",
        "email": "jon@example.com",
        "first_name": "John",
        "last_name": "Smith",
        "locale": "en",
        "country": "US",
    }
    assert found["placed_at"] == found["updated_at"] == found["cancelled_at"] == "2022-01-01T00:00:00Z"


def test_the_documentation_gives_one_body_for_six_topics_and_so_does_the_state() -> None:
    body = payload("shopify_orders_create")
    topics = ("orders/create", "orders/paid", "orders/updated", "orders/cancelled")
    found = [order_of(topic, body) for topic in topics]
    assert found == [found[0]] * 4
    types = [mapped(topic, body)[0].type for topic in topics]
    assert types == ["order.placed", "order.paid", "order.updated", "order.cancelled"]


@pytest.mark.parametrize(
    ("topic", "changes", "expected"),
    [
        ("orders/create", {"financial_status": "authorized"}, {"payment_state": "pending"}),
        ("orders/create", {"financial_status": "partially_paid"}, {"payment_state": "pending"}),
        ("orders/create", {"financial_status": "pending"}, {"payment_state": "pending"}),
        ("orders/create", {"financial_status": None}, {"payment_state": "pending"}),
        ("orders/create", {"financial_status": "something new"}, {"payment_state": "pending"}),
        ("orders/create", {}, {"payment_state": "paid", "state": "open", "fulfilment_state": "unfulfilled"}),
        ("orders/updated", {"financial_status": "partially_refunded"}, {"payment_state": "partially_refunded"}),
        ("orders/updated", {"financial_status": "refunded"}, {"payment_state": "refunded"}),
        ("orders/paid", {"financial_status": "pending"}, {"payment_state": "paid"}),
        ("orders/paid", {"financial_status": "voided"}, {"payment_state": "voided"}),
        ("orders/cancelled", {}, {"state": "cancelled", "cancelled_at": "2026-05-01T08:05:00Z"}),
        ("orders/updated", {"closed_at": "2026-05-02T00:00:00Z"}, {"state": "closed"}),
        ("orders/updated", {"fulfillment_status": "partial"}, {"fulfilment_state": "partial"}),
        ("orders/fulfilled", {}, {"fulfilment_state": "fulfilled", "fulfilled_at": "2026-05-01T08:05:00Z"}),
        ("orders/partially_fulfilled", {}, {"fulfilment_state": "partial"}),
        ("orders/updated", {"test": True}, {"is_test": True}),
    ],
)
def test_the_body_says_the_state_and_the_topic_what_it_leaves_open(
    topic: str, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = order_of(topic, plain(**changes))
    assert {name: found[name] for name in expected} == expected


def test_an_order_is_delivered_when_every_parcel_that_was_sent_is() -> None:
    sent = {"status": "success", "created_at": "2026-05-02T00:00:00Z", "updated_at": "2026-05-03T00:00:00Z"}
    lost = {**sent, "status": "cancelled", "shipment_status": None}
    body = plain(fulfillment_status="fulfilled", fulfillments=[{**sent, "shipment_status": "delivered"}, lost])
    found = order_of("orders/updated", body)
    assert found["fulfilment_state"] == "delivered"
    assert (found["fulfilled_at"], found["delivered_at"]) == ("2026-05-02T00:00:00Z", "2026-05-03T00:00:00Z")
    body["fulfillments"].append({**sent, "shipment_status": "in_transit"})
    assert order_of("orders/updated", body)["fulfilment_state"] == "fulfilled"


def test_an_order_discount_is_taken_from_the_lines_allocations() -> None:
    found = order_of("orders/updated", payload("shopify_order_refunded_4554821468349"))
    (line,) = found["lines"]
    assert (line["unit_price"], line["discount"], line["total"]) == (5900, 177, 5723)
    assert found["discounts"] == []
    assert (found["total"], found["tax_included"]) == (5723, True)
    (refund,) = found["refunds"]
    assert refund == {
        "refund_id": "852809646269",
        "at": "2022-06-15T13:25:43Z",
        "lines": [{"line_id": "11406125564093", "quantity": 1, "amount": 5723}],
        "shipping": 0,
        "tax": 0,
        "amount": 5723,
    }
    assert remaining(found).amounts == [0]
    assert found["attributes"] == {"tags": "Refund"}


def test_a_sample_that_contradicts_itself_still_adds_up() -> None:
    found = order_of("orders/create", payload("shopify_rest_order_450789469")["order"])
    assert (found["total"], found["tax"], found["payment_state"]) == (40994, 1194, "pending")
    assert found["discounts"] == [
        {"code": "TENOFF", "kind": "order", "amount": 0},
        {"kind": "other", "amount": 19900},
    ]


def test_the_documented_refund_holds_only_the_order_id() -> None:
    (event,) = mapped("refunds/create", payload("shopify_refunds_create"))
    assert event.type == "order.refunded"
    found = event.data["order"]
    assert found.keys() == {"order_id", "refunds", "updated_at"}
    assert found["order_id"] == "820982911946154500"
    (refund,) = found["refunds"]
    assert refund["amount"] == 8500
    assert sum(line["amount"] for line in refund["lines"]) == 41495
    assert refund["lines"][0] == {"line_id": "487817672276298560", "quantity": 1, "amount": 8999}


def test_the_refund_of_an_order_and_by_itself_are_the_same() -> None:
    body = payload("shopify_order_refunded_4554821468349")
    nested = order_of("orders/updated", body)["refunds"]
    (alone,) = mapped("refunds/create", body["refunds"][0])
    assert alone.data["order"]["refunds"] == nested


DONE = {"kind": "refund", "status": "success", "amount": "9"}
SHIPPING_REFUND = {"kind": "shipping_refund", "amount": "-5.00", "tax_amount": "-1.00"}
SHIPPING_LINE = {"subtotal_amount_set": {"shop_money": {"amount": "5.00"}}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transactions": [DONE, DONE]}, {"amount": 1800}),
        ({"transactions": []}, {"amount": 0}),
        ({"transactions": [{**DONE, "status": "failure"}]}, {"amount": 0}),
        ({"transactions": [{**DONE, "kind": "sale"}]}, {"amount": 0}),
        ({"transactions": [{**DONE, "currency": "USD"}]}, {"amount": 2000}),
        ({"order_adjustments": [SHIPPING_REFUND]}, {"shipping": 500, "tax": 100, "amount": 2600}),
        ({"refund_shipping_lines": [SHIPPING_LINE]}, {"shipping": 500, "amount": 2500}),
    ],
)
def test_money_that_went_back_is_that_of_the_transactions(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    item = {
        "id": 5,
        "created_at": "2026-05-02T00:00:00Z",
        "refund_line_items": [{"line_item_id": 11, "quantity": 1, "subtotal": Decimal("10.0")}] * 2,
        **changes,
    }
    (refund,) = order_of("orders/updated", plain(refunds=[item]))["refunds"]
    assert {name: refund[name] for name in expected} == expected
    assert refund["lines"] == [{"line_id": "11", "quantity": 2, "amount": 2000}]


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("12.34", "EUR", 1234),
        ("12.3", "EUR", 1230),
        ("1234", "JPY", 1234),
        ("1234.00", "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("-5.00", "EUR", -500),
        ("0.125", "USD", 12),
        ("0.135", "USD", 14),
        (Decimal("57.23"), "USD", 5723),
        (7, "EUR", 700),
        (None, "EUR", 0),
        ("", "EUR", 0),
    ],
)
def test_money_is_exact_in_every_currency(value: Any, currency: str, expected: int) -> None:
    assert minor(value, currency) == expected


@pytest.mark.parametrize("value", ["ten", "1,00", "NaN", "Infinity", "1e40", 1.5, True, [], {}])
def test_what_is_no_amount_is_unmappable(value: Any) -> None:
    with pytest.raises(Unmappable):
        minor(value, "EUR")


def test_ids_beyond_two_to_the_53_are_exact() -> None:
    body = plain(id=820982911946154508, customer={"id": 9007199254740993})
    found = order_of("orders/create", body)
    assert (found["order_id"], found["customer"]["customer_id"]) == ("820982911946154508", "9007199254740993")


def test_codes_are_kept_so_that_a_redemption_can_be_confirmed() -> None:
    item = {"id": 11, "quantity": 2, "price": "15.00", "discount_allocations": [{"amount": "5.00"}]}
    codes = [{"code": "POINTS-1", "amount": "5.00", "type": "fixed_amount"}, {"code": "SHIP", "type": "shipping"}]
    shipping = {"price": "4.90", "discount_allocations": [{"amount": "4.90"}]}
    body = plain(line_items=[item], discount_codes=codes, shipping_lines=[shipping], total_price="25.00")
    found = order_of("orders/paid", body)
    assert found["discounts"] == [
        {"code": "POINTS-1", "kind": "order", "amount": 0},
        {"code": "SHIP", "kind": "shipping", "amount": 490},
    ]
    assert found["lines"][0]["total"] == 2500


def test_what_was_charged_beyond_the_parts_never_earns() -> None:
    assert order_of("orders/paid", plain(total_price="36.00"))["shipping"] == 600
    assert order_of("orders/paid", plain(total_price="29.00"))["discounts"] == [{"kind": "other", "amount": 100}]
    assert order_of("orders/paid", plain(total_price="29.99"))["discounts"] == []


@pytest.mark.parametrize("gateway", ["shopify_payments", None])
def test_a_tip_that_shopify_lists_among_the_goods_is_a_tip_and_earns_nothing(gateway: str | None) -> None:
    goods = plain()["line_items"]
    tip = {"id": 12, "title": "Tip", "quantity": 1, "price": "5.00", "tip_payment_gateway": gateway}
    for received in ("5.00", "0.00", None):
        body = plain(line_items=[*goods, tip], total_tip_received=received, total_price="35.00")
        found = order_of("orders/paid", body)
        assert [line["line_id"] for line in found["lines"]] == ["11"]
        assert (found["tip"], found["shipping"], found["discounts"], found["total"]) == (500, 0, [], 3500)


def test_a_tip_given_back_takes_nothing_of_the_goods() -> None:
    tip = {"id": 12, "title": "Tip", "quantity": 1, "price": "5.00", "tip_payment_gateway": "shopify_payments"}
    back = {
        "id": 9,
        "created_at": "2026-05-02T00:00:00Z",
        "refund_line_items": [{"line_item_id": 12, "quantity": 1, "subtotal": "5.00"}],
        "transactions": [{"kind": "refund", "status": "success", "amount": "5.00"}],
    }
    body = plain(line_items=[*plain()["line_items"], tip], total_price="35.00", refunds=[back])
    assert remaining(order_of("orders/updated", body)).amounts == [3000]


def test_contact_data_that_does_not_fit_is_left_out_and_the_order_is_not_lost() -> None:
    people = {"id": 7, "email": "not an address", "first_name": "A\x00da\ud800", "last_name": "x" * 9000}
    body = plain(
        customer=people,
        email="",
        phone="\x01",
        customer_locale="??",
        shipping_address={"country_code": "Germany"},
        billing_address={"country_code": "de"},
        name="#1\x00",
        line_items=[{"id": 11, "title": None, "name": "\ud800Lamp", "sku": "", "quantity": 2, "price": "15.00"}],
    )
    found = order_of("orders/create", body)
    assert found["customer"] == {"customer_id": "7", "first_name": "Ada", "last_name": "x" * 4096, "country": "DE"}
    assert found["number"] == "#1"
    assert found["lines"][0]["title"] == "Lamp"


def test_a_guest_has_an_address_and_no_account() -> None:
    found = order_of("orders/create", plain(customer=None, contact_email="ada@example.com", phone="+49 170 1"))
    assert found["customer"] == {"email": "ada@example.com", "phone": "+49 170 1"}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"currency": None},
        {"currency": "XXX1"},
        {"total_price": None},
        {"total_price": "many"},
        {"updated_at": None, "created_at": "yesterday"},
        {"refunds": [{"created_at": "2026-05-01T00:00:00Z"}]},
    ],
)
def test_an_order_without_what_it_needs_is_unmappable(changes: dict[str, Any]) -> None:
    with pytest.raises(Unmappable):
        mapped("orders/updated", plain(**changes))


AMOUNTS = st.decimals(min_value=0, max_value=9999, places=2).map(str)
SHIPPING_LINES = st.fixed_dictionaries({"price": AMOUNTS, "discount_allocations": st.just([{"amount": "3.00"}])})
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 10**18),
            "quantity": st.integers(0, 20),
            "price": AMOUNTS,
            "discount_allocations": st.lists(st.fixed_dictionaries({"amount": AMOUNTS}), max_size=2),
            "tax_lines": st.lists(st.fixed_dictionaries({"price": AMOUNTS}), max_size=2),
        }
    ),
    max_size=5,
)


@given(
    st.fixed_dictionaries(
        {
            "line_items": LINES,
            "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
            "total_price": AMOUNTS,
            "total_tax": AMOUNTS,
            "total_discounts": AMOUNTS,
            "total_tip_received": AMOUNTS,
            "taxes_included": st.booleans(),
            "shipping_lines": st.lists(
                st.fixed_dictionaries({"price": AMOUNTS, "discount_allocations": st.just([{"amount": "3.00"}])}),
                max_size=2,
            ),
        }
    )
)
def test_every_order_adds_up_whatever_shopify_sends(amounts: dict[str, Any]) -> None:
    body = plain(**amounts)
    found = order(body, "orders/updated")
    checked = validate("order.updated", {"order": copy.deepcopy(found)}, time=TIME)["order"]
    assert checked["total"] == minor(amounts["total_price"], amounts["currency"])


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(sorted(plain())), inner)),
        max_leaves=8,
    ),
    st.sampled_from(sorted(KNOWN)),
)
def test_any_body_is_mapped_or_unmappable(value: Any, topic: str) -> None:
    for name in plain():
        try:
            events = map_delivery(Delivery(topic, plain(**{name: value}), "2026-06-01T12:00:00Z", "EUR", SECRET))
        except Unmappable:
            continue
        assert all(event.type in _TYPES and event.time for event in events)


def test_customers_of_the_documentation() -> None:
    (made,) = mapped("customers/create", payload("shopify_customers_create"))
    (changed,) = mapped("customers/update", payload("shopify_customers_update"))
    assert (made.type, changed.type) == ("customer.registered", "customer.updated")
    assert (
        made.data
        == changed.data
        == {
            "customer_id": "706405506930370000",
            "email": "bob@biller.com",
            "phone": None,
            "first_name": "Bob",
            "last_name": "Biller",
            "country": "CA",
            "updated_at": "2022-01-01T00:00:00Z",
        }
    )


def test_a_redaction_erases_the_account_and_the_guest_of_the_same_address() -> None:
    events = mapped("customers/redact", payload("shopify_customers_redact"))
    assert [event.data["customer_id"] for event in events] == ["191167", guest_id(SECRET, email="john@example.com")]
    assert [event.what for event in events] == [None, "email"]
    assert {event.type for event in events} == {"customer.erased"}


def test_accounts_that_shopify_has_joined_are_one_customer() -> None:
    done = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/706405506930370000",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": "completed",
        "errors": [],
    }
    (event,) = mapped("customers/merge", done)
    assert (event.type, event.what) == ("customer.merged", None)
    assert event.data == {"from": "2", "into": "706405506930370000", "at": "2026-06-01T12:00:00Z"}
    for state in ("failed", "in_progress", "requested", None):
        assert mapped("customers/merge", {**done, "status": state}) == []
    for wrong in ({"status": "completed"}, {**done, "admin_graphql_api_customer_deleted_id": "gid://shopify/Order/2"}):
        with pytest.raises(Unmappable):
            mapped("customers/merge", wrong)


def test_consents_keep_shopifys_words() -> None:
    (email,) = mapped("customers_email_marketing_consent/update", payload("shopify_email_consent_update"))
    assert email.data == {
        "customer_id": "706405506930370000",
        "channel": "email",
        "purpose": "marketing",
        "state": "not_subscribed",
        "at": "2026-06-01T12:00:00Z",
    }
    assert mapped("customers_marketing_consent/update", payload("shopify_sms_consent_update")) == []


@pytest.mark.parametrize("topic", [*IGNORED, "app/uninstalled", "", "carts/update"])
def test_other_topics_mean_nothing(topic: str) -> None:
    assert map_delivery(Delivery(topic, {}, "2026-06-01T12:00:00Z", "EUR", SECRET)) == []


def test_every_topic_of_the_issue_is_mapped() -> None:
    assert {"orders/create", "orders/paid", "orders/updated", "orders/cancelled"} <= ORDER_TOPICS.keys()
    assert "refunds/create" in KNOWN


def test_the_id_of_a_delivery_and_the_source() -> None:
    assert delivery_id({"x-shopify-event-id": "ab-1"}, b"x") == "ab-1"
    assert delivery_id({"x-shopify-event-id": "a/b"}, b"x") == delivery_id({}, b"x") != delivery_id({}, b"y")
    assert source_of("My-Shop.myshopify.com") == "shopify/my-shop"
    assert source_of("shop.example.com") == "shopify/shop.example.com"
    assert source_of("../../x") == source_of(None) == "shopify"
