"""The envelope: CloudEvents 1.0, and every way in which bytes are none of ours."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from comeback_contracts.envelope import Event, decode, derive, encode, make_event
from comeback_contracts.loyalty import PointsEarned
from comeback_contracts.shops import ShopUpserted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(**fields: Any) -> Event:
    given: dict[str, Any] = {
        "id": "orders/paid:1",
        "source": "shopify/demo",
        "type": "order.paid",
        "time": NOW,
        "shop_id": "demo",
        "subject": "1001",
        "data": {"order": {"order_id": "1001"}},
        **fields,
    }
    return make_event(**given)


def document(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(encode(event(key_id="k", traceparent="00-x")))
    whole |= changes
    return {name: value for name, value in whole.items() if value is not ...}


def test_an_event_is_one_cloudevents_document() -> None:
    assert json.loads(encode(event(traceparent="00-ab-cd-01"))) == {
        "specversion": "1.0",
        "id": "orders/paid:1",
        "source": "shopify/demo",
        "type": "order.paid",
        "time": "2026-01-01T00:00:00Z",
        "subject": "1001",
        "shopid": "demo",
        "traceparent": "00-ab-cd-01",
        "datacontenttype": "application/json",
        "data": {"order": {"order_id": "1001"}},
    }


def test_what_was_written_is_read() -> None:
    written = event(key_id="k", traceparent="00-x")
    read = decode(encode(written))
    for name in ("id", "source", "type", "time", "subject", "shopid", "keyid", "traceparent", "specversion"):
        assert getattr(read, name) == getattr(written, name)
    assert json.loads(bytes(read.data)) == {"order": {"order_id": "1001"}}
    assert encode(read) == encode(written)


def test_data_may_be_a_mapping_a_model_or_json() -> None:
    model = PointsEarned(customer_id="c", points=5, balance=5, transaction_id="t")
    for data in (model, model.as_data(), json.dumps(model.as_data()).encode()):
        assert json.loads(bytes(event(data=data).data)) == model.as_data()
    assert event(data=msgspec.Raw(b"{}")).data == msgspec.Raw(b"{}")


def test_a_model_that_merges_by_field_says_what_it_clears_and_nothing_else() -> None:
    shop = ShopUpserted(shop_id="s", name="S", currency="EUR", time_zone="UTC", locale="en", url=None)
    said = json.loads(bytes(event(data=shop).data))
    assert set(said) == {"shop_id", "name", "currency", "time_zone", "locale", "url"}


def test_time_is_written_in_utc() -> None:
    assert event(time="2026-01-01T01:00:00.500+01:00").time == "2026-01-01T00:00:00.5Z"
    with pytest.raises(ValueError, match="instant"):
        event(time="today")


def test_readers_ignore_attributes_that_they_do_not_know() -> None:
    assert decode(json.dumps(document(dataschema="https://x", partitionkey="p", nested={"a": [1]})).encode()).id


def test_optional_attributes_may_be_absent_or_null() -> None:
    assert decode(json.dumps(document(keyid=..., traceparent=None, datacontenttype=...)).encode()).keyid is None


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject", "shopid", "specversion", "data"])
def test_a_missing_attribute_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        decode(json.dumps(document(**{name: ...})).encode())


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "shopid", "specversion", "time"])
def test_an_empty_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        decode(json.dumps(document(**{name: ""})).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": "0.3"}, "specversion is '0.3'"),
        ({"specversion": 1.0}, "specversion"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-01-01T00:00:00"}, "time"),
        ({"id": 17}, "id"),
        ({"shopid": None}, "shopid"),
        ({"data": None}, "data is no JSON object"),
        ({"data": [1]}, "data is no JSON object"),
        ({"data": "text"}, "data is no JSON object"),
        ({"data": {"a": "x\x00"}}, "NUL"),
        ({"subject": "x\x00"}, "NUL"),
        ({"data": {"a": "\ud800"}}, "malformed"),
        ({"id": "\udc00"}, "malformed"),
    ],
)
def test_what_no_reader_can_use_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(json.dumps(document(**changes)).encode())


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"null", "object"),
        (b"[]", "object"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"id": NaN}', "malformed"),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (encode(event())[:-1], "truncated"),
        (encode(event()) + b"x", "malformed"),
        (encode(event()).replace(b"1001", b"\xff", 1), "UTF-8"),
        (encode(event()).replace(b"1001", b"\x00", 1), "malformed"),
        (encode(event()).replace(b"1001", b"\xed\xa0\x80", 1), "UTF-8"),
    ],
)
def test_poison_is_refused_with_the_reason(poison: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(poison)


def test_a_backslash_before_u0000_is_text() -> None:
    assert decode(encode(event(data={"a": "\\u0000"}))).id


def test_a_derived_event_is_named_after_its_origin() -> None:
    origin = event(traceparent="00-x", key_id="k")
    derived = derive(
        origin,
        type="customer.updated",
        what="customer",
        subject="c",
        data={"customer_id": "c"},
        time=NOW,
        source="comeback/gateway",
    )
    assert (derived.id, derived.shopid, derived.traceparent) == ("orders/paid:1:customer", "demo", "00-x")
    assert (derived.source, derived.keyid) == ("comeback/gateway", None)


def test_an_event_is_frozen() -> None:
    with pytest.raises(AttributeError):
        event().id = "x"  # type: ignore[misc]  # that is the point
