"""The events that this service reads and writes, held against the published JSON Schemas."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from notifications import views
from notifications.contacts import KEPT
from notifications.events_out import message_event
from tests.support.shared_files import REPO_ROOT

READ: dict[str, type[msgspec.Struct]] = {
    "shop.upserted": views.ShopData,
    "customer.registered": views.ContactData,
    "customer.updated": views.ContactData,
    "customer.merged": views.MergedData,
    "customer.consent_changed": views.ConsentData,
    "customer.erased": views.ErasedData,
    "points.earned": views.PointsData,
    "points.clawed_back": views.PointsData,
    "survey.requested": views.SurveyData,
}
# Said by earned points alone; a claw-back reads as not pending.
ELSEWHERE = {"points.clawed_back": {"pending", "available_at"}}


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REPO_ROOT / "docs" / "events" / f"{kind}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("kind", READ)
def test_every_field_that_is_read_is_promised(kind: str) -> None:
    data = schema(kind)["properties"]["data"]
    fields = msgspec.structs.fields(READ[kind])
    promised = set(data["properties"]) | ELSEWHERE.get(kind, set())
    assert {field.encode_name for field in fields} <= promised
    needed = {field.encode_name for field in fields if field.required}
    assert needed <= set(data["required"])


def test_every_contact_field_that_is_kept_is_read() -> None:
    assert set(KEPT) < {field.name for field in msgspec.structs.fields(views.ContactData)}


@pytest.mark.parametrize("state", ["sent", "bounced", "failed", "skipped"])
@pytest.mark.parametrize("order_id", ["1001", ""])
def test_what_is_published_is_as_promised(state: str, order_id: str) -> None:
    row = {
        "shop_id": "demo",
        "id": "msg_01",
        "workflow": "order_confirmation",
        "channel": "email",
        "customer_id": "c1",
        "order_id": order_id,
        "state": state,
        "reason": None if state == "sent" else "too_old",
        "traceparent": None,
    }
    entry = message_event(row, "2026-11-24T12:00:00Z")
    document = json.loads(entry.value)
    jsonschema.validate(document, schema(f"message.{state}"))
    assert (entry.topic, entry.key) == ("comeback.notifications.v1", "demo:c1")
    assert document["id"] == f"msg_01:{state}"
