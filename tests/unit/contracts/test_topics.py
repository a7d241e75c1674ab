"""Topics, keys and the registry of types."""

from datetime import timedelta
from typing import Any

import pytest

from comeback_contracts import topics
from comeback_contracts.registry import EVENT_TYPES, carries_order, event_type
from comeback_contracts.topics import TOPICS, UnknownType, dead_letter, event_key, subject_of, topic_of

DAYS = {
    "comeback.orders.v1": 30,
    "comeback.customers.v1": 7,
    "comeback.activity.v1": 7,
    "comeback.catalog.v1": 30,
    "comeback.loyalty.v1": 30,
    "comeback.feedback.v1": 30,
    "comeback.notifications.v1": 30,
    "comeback.recommendations.v1": 30,
    "comeback.loyalty.dead-letter.v1": 14,
    "comeback.feedback.dead-letter.v1": 14,
    "comeback.notifications.dead-letter.v1": 14,
    "comeback.recommendations.dead-letter.v1": 14,
}


def test_topics_keep_their_events_as_long_as_the_contract_says() -> None:
    kept = {name: topic.retention for name, topic in TOPICS.items() if not topic.compacted}
    assert kept == {name: timedelta(days=days) for name, days in DAYS.items()}
    assert [name for name, topic in TOPICS.items() if topic.compacted] == ["comeback.shops.v1"]
    assert all(topic.partitions == 4 for topic in TOPICS.values())
    assert dead_letter("loyalty") in TOPICS


@pytest.mark.parametrize(
    ("kind", "data", "key"),
    [
        ("order.placed", {"order": {"order_id": "1"}}, "shop:1"),
        ("order.refunded", {"order": {"order_id": "1", "refunds": []}}, "shop:1"),
        ("return.received", {"return_id": "r", "order_id": "1"}, "shop:1"),
        ("customer.updated", {"customer_id": "c"}, "shop:c"),
        ("customer.merged", {"from": "a", "into": "b"}, "shop:a"),
        ("customer.erased", {"customer_id": "c"}, "shop:c"),
        ("cart.updated", {"cart_id": "k", "customer_id": "c"}, "shop:c"),
        ("cart.updated", {"cart_id": "k"}, "shop:k"),
        ("cart.abandoned", {"cart_id": "k", "customer_id": None}, "shop:k"),
        ("product.viewed", {"customer_id": "c", "product_id": "p"}, "shop:c"),
        ("product.upserted", {"product_id": "p"}, "shop:p"),
        ("shop.upserted", {"shop_id": "shop"}, "shop"),
        ("points.earned", {"customer_id": "c", "order_id": "1"}, "shop:c"),
        ("survey.answered", {"customer_id": "c"}, "shop:c"),
        ("message.sent", {"customer_id": "c", "message_id": "m"}, "shop:c"),
        ("replenishment.due", {"customer_id": "c", "product_id": "p"}, "shop:c"),
    ],
)
def test_keys(kind: str, data: dict[str, Any], key: str) -> None:
    assert event_key(kind, "shop", data) == key
    assert event_type(kind).key("shop", data) == key
    assert subject_of(kind, "shop", data) == key.removeprefix("shop:")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("order.placed", {}),
        ("order.placed", {"order": None}),
        ("order.placed", {"order": {"order_id": 7}}),
        ("cart.updated", {}),
        ("customer.updated", {"customer_id": ""}),
    ],
)
def test_an_event_without_its_subject_has_no_key(kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=kind):
        event_key(kind, "shop", data)


@pytest.mark.parametrize("kind", ["", "order", "order.exploded", "ORDER.PLACED"])
def test_an_unknown_type_has_no_topic(kind: str) -> None:
    with pytest.raises(UnknownType):
        topic_of(kind)
    with pytest.raises(UnknownType):
        event_type(kind)


def test_every_type_has_a_topic_a_model_and_its_place() -> None:
    assert set(EVENT_TYPES) == {name for names in topics.TYPES.values() for name in names}
    for name, kind in EVENT_TYPES.items():
        assert kind.topic == topic_of(name)
        assert kind.topic in TOPICS
        assert kind.model.__doc__, name


def test_callers_send_what_happens_in_a_shop_and_services_tell_the_rest() -> None:
    accepted = {name.split(".")[0] for name, kind in EVENT_TYPES.items() if kind.is_accepted}
    assert accepted == {"order", "return", "customer", "cart", "product", "activity", "shop"}


def test_which_types_carry_an_order() -> None:
    assert {name for name in EVENT_TYPES if carries_order(name)} == {
        name for name in topics.TYPES[topics.ORDERS] if name.startswith("order.")
    }
