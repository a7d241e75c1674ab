"""What callers may send besides orders."""

from typing import Any

import pytest

from comeback_contracts.problems import pointer
from tests.unit.contracts.sending import accept, refuse


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


def test_nobody_is_merged_into_themselves() -> None:
    assert refuse("customer.merged", {"from": "c", "into": "c"})[1] == {"/into": "is the same customer as from"}
