"""The committed JSON Schemas: up to date, breaking nobody, and true of what is written on the log."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.registry import EVENT_TYPES
from comeback_contracts.schemas import breaking_changes, main, schemas, text_of
from comeback_contracts.topics import subject_of
from comeback_contracts.validation import validate

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "events"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIME = "2026-01-01T00:00:00Z"

ORDER: dict[str, Any] = {
    "order_id": "1001",
    "number": None,
    "currency": "EUR",
    "customer": {"customer_id": "c", "locale": "de-DE", "country": "DE"},
    "lines": [{"line_id": "a", "quantity": 2, "unit_price": 1000, "attributes": {"x": 1.5, "y": None, "z": True}}],
    "discounts": [{"code": "X", "amount": 100}],
    "total": 1900,
    "refunds": [{"refund_id": "r", "at": TIME, "amount": 100}],
    "placed_at": TIME,
}
POINTS = {"customer_id": "c", "points": 5, "balance": 5, "transaction_id": "t", "order_id": "1001"}
CUSTOMER = {"customer_id": "c", "email": None, "tags": ["vip"]}
CART = {"cart_id": "k", "lines": [{"product_id": "p", "quantity": 1}], "total": 5, "currency": "EUR"}
MESSAGE = {"message_id": "m", "customer_id": "c", "workflow": "order_confirmation", "channel": "email"}

EXAMPLES: dict[str, dict[str, Any]] = {
    **{name: {"order": ORDER} for name in EVENT_TYPES if name.startswith("order.")},
    **{name: {"return_id": "r", "order_id": "1001"} for name in EVENT_TYPES if name.startswith("return.")},
    **dict.fromkeys(("customer.registered", "customer.updated"), CUSTOMER),
    "customer.merged": {"from": "guest:1", "into": "c"},
    "customer.consent_changed": {"customer_id": "c", "channel": "email", "purpose": "marketing", "state": "granted"},
    "customer.erased": {"customer_id": "c"},
    **dict.fromkeys(("cart.updated", "cart.abandoned"), CART),
    "product.viewed": {"customer_id": "c", "product_id": "p"},
    "activity.recorded": {"activity_id": "a", "customer_id": "c", "kind": "review", "attributes": {"stars": 5}},
    "product.upserted": {"product_id": "p", "title": "T", "price": 5, "currency": "EUR", "rating": 4},
    "product.deleted": {"product_id": "p"},
    "shop.upserted": {"shop_id": "demo", "name": "Demo", "currency": "EUR", "time_zone": "UTC", "locale": "en"},
    **dict.fromkeys((name for name in EVENT_TYPES if name.startswith("points.")), POINTS),
    "points.expiring": {**POINTS, "expires_at": "2027-01-01T00:00:00Z"},
    "tier.changed": {"customer_id": "c", "from": None, "to": "gold", "at": TIME},
    "reward.redeemed": {"customer_id": "c", "redemption_id": "r", "points": 100},
    "survey.requested": {"survey_id": "nps", "customer_id": "c", "url": "https://shop.example/f/t"},
    "survey.answered": {"response_id": "r", "survey_id": "nps", "customer_id": "c", "answers": {"q": ["a"], "s": 9}},
    "review.published": {"review_id": "r", "product_id": "p", "customer_id": "c", "rating": 5},
    "ticket.opened": {"ticket_id": "t", "customer_id": "c"},
    **dict.fromkeys((name for name in EVENT_TYPES if name.startswith("message.")), MESSAGE),
    "replenishment.due": {"customer_id": "c", "product_id": "p", "due_at": "2026-05-01T00:00:00Z"},
}


def committed(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return read


def test_the_committed_schemas_are_what_the_models_say() -> None:
    """Run ``python -m comeback_contracts.schemas`` when this fails, and read the diff."""
    on_disk = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert on_disk == {name: text_of(schema) for name, schema in schemas().items()}


def test_no_change_breaks_those_who_rely_on_the_committed_schemas() -> None:
    assert breaking_changes(FOLDER) == []


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(committed(name))


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_event_on_the_log_fits_its_schema(name: str) -> None:
    data = validate(name, EXAMPLES[name], time=NOW, now=NOW)
    event = make_event(
        id="1", source="api", type=name, time=NOW, shop_id="demo", subject=subject_of(name, "demo", data), data=data
    )
    validator = jsonschema.Draft202012Validator(committed(name))
    document = json.loads(encode(event))
    assert [error.message for error in validator.iter_errors(document)] == []
    # Readers ignore what they do not know, so a later field must not fail an earlier schema.
    assert validator.is_valid({**document, "later": 1, "data": {**document["data"], "later": 1}})
    assert not validator.is_valid({**document, "data": {}})
    assert not validator.is_valid({**document, "type": "something.else"})


def test_refunds_alone_fit_their_schema() -> None:
    order = {"order_id": "1001", "refunds": ORDER["refunds"]}
    data = validate("order.refunded", {"order": order}, time=NOW)
    event = make_event(id="1", source="api", type="order.refunded", time=NOW, shop_id="demo", subject="1001", data=data)
    jsonschema.Draft202012Validator(committed("order.refunded")).validate(json.loads(encode(event)))


def test_the_command_writes_what_is_new_and_refuses_what_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(schemas())
    path = tmp_path / "customer.erased.json"
    promised = json.loads(path.read_text("utf-8"))
    promised["properties"]["data"]["properties"]["reason"] = {"type": "string"}
    path.write_text(json.dumps(promised), "utf-8")
    (tmp_path / "customer.cloned.json").write_text("{}", "utf-8")
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "customer.erased: /data/reason was removed" in said
    assert "customer.cloned: the event type was removed" in said
    assert json.loads(path.read_text("utf-8")) == promised
    assert main([str(tmp_path), "--accept-breaking"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(schemas())
    assert main([str(tmp_path)]) == 0
