"""What is read from a merged order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from comeback_contracts.order_merge import from_event
from feedback.order_facts import OrderFacts, facts_of

LINE = {"line_id": "1", "quantity": 2, "unit_price": 1000, "total": 2000}
OTHER = {"line_id": "2", "quantity": 1, "unit_price": 500, "total": 500}


def facts(**changes: Any) -> OrderFacts:
    order = {
        "order_id": "1",
        "currency": "EUR",
        "lines": [LINE, OTHER],
        "total": 2500,
        "placed_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-05T10:00:00Z",
        **changes,
    }
    found = facts_of(from_event({"order": order}, "2026-03-05T10:00:00Z"))
    assert found is not None
    return found


def refund(refund_id: str = "r1", **parts: Any) -> dict[str, Any]:
    return {"refund_id": refund_id, "at": "2026-03-04T10:00:00Z", "lines": [], **parts}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


REFUNDS: dict[str, tuple[dict[str, Any], bool]] = {
    "none": ({}, False),
    "by payment state": ({"payment_state": "refunded"}, True),
    "voided": ({"payment_state": "voided"}, True),
    "a part": ({"refunds": [refund(amount=500)]}, False),
    "all money": ({"refunds": [refund(amount=2000), refund("r2", amount=500)]}, True),
    "all pieces": (
        {
            "refunds": [
                refund(
                    amount=0,
                    lines=[
                        {"line_id": "1", "quantity": 2, "amount": 0},
                        {"line_id": "2", "quantity": 1, "amount": 0},
                    ],
                )
            ]
        },
        True,
    ),
    "one line": ({"refunds": [refund(amount=500, lines=[{"line_id": "2", "quantity": 1, "amount": 500}])]}, False),
    "free order": ({"total": 0, "refunds": [refund(amount=0)]}, False),
}


@pytest.mark.parametrize(("changes", "expected"), REFUNDS.values(), ids=REFUNDS)
def test_an_order_is_refunded_when_nothing_of_it_is_left(changes: dict[str, Any], expected: bool) -> None:
    assert facts(**changes).refunded is expected


MOMENTS: dict[str, tuple[dict[str, Any], datetime | None]] = {
    "said": ({"delivered_at": "2026-03-04T08:00:00Z", "fulfilment_state": "delivered"}, at("2026-03-04 08:00")),
    "not said: by the snapshot": ({"fulfilment_state": "delivered"}, at("2026-03-05 10:00")),
    "not delivered": ({"fulfilment_state": "fulfilled"}, None),
    "an old order in an import of today": (
        {"fulfilment_state": "delivered", "placed_at": "2025-03-01T10:00:00Z"},
        # Three steps that nobody dated, each at most 30 days after the one before.
        at("2025-04-30 10:00"),
    ),
    "sent long ago": (
        {"fulfilment_state": "delivered", "fulfilled_at": "2025-12-24T10:00:00Z", "placed_at": "2025-12-20T10:00:00Z"},
        at("2026-01-23 10:00"),
    ),
}


@pytest.mark.parametrize(("changes", "expected"), MOMENTS.values(), ids=MOMENTS)
def test_when_an_order_was_delivered(changes: dict[str, Any], expected: datetime | None) -> None:
    assert facts(**changes).moments.get("delivered") == expected


def test_refunds_alone_are_no_order() -> None:
    state = from_event({"order": {"order_id": "1", "refunds": [refund(amount=1)]}}, "2026-03-05T10:00:00Z")
    assert facts_of(state) is None


def test_rules_see_the_order_and_what_the_shop_noted_on_it() -> None:
    found = facts(channel="pos", attributes={"gift": True, "note": "x"}, customer={"customer_id": "c", "country": "DE"})
    assert found.attributes == {
        "gift": True,
        "note": "x",
        "channel": "pos",
        "currency": "EUR",
        "total": 2500,
        "country": "DE",
    }
