"""What the API's document says of the events' bodies."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from comeback_contracts.registry import EVENT_TYPES

_TYPES: Final = sorted(name for name, kind in EVENT_TYPES.items() if kind.is_accepted)
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "type", "occurred_at", "data"],
    "properties": {
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "The sender's own id of the event, the same when it is sent again.",
        },
        "type": {"type": "string", "enum": _TYPES},
        "occurred_at": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened, RFC 3339; at most 10 minutes in the future.",
        },
        "data": {"type": "object", "description": "What happened, as the JSON Schema of its type says (docs/events)."},
    },
}
_EXAMPLE: Final[dict[str, Any]] = {
    "id": "evt-1001",
    "type": "order.paid",
    "occurred_at": "2026-01-31T12:00:00Z",
    "data": {
        "order": {
            "order_id": "1001",
            "currency": "EUR",
            "customer": {"customer_id": "c-1", "email": "ada@example.com"},
            "lines": [{"line_id": "1", "title": "Lamp", "quantity": 2, "unit_price": 4500}],
            "shipping": 490,
            "total": 9490,
            "placed_at": "2026-01-31T11:58:00Z",
        }
    },
}
REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        _EVENT,
                        {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["events"],
                            "properties": {
                                "events": {"type": "array", "minItems": 1, "maxItems": 500, "items": _EVENT}
                            },
                        },
                    ]
                },
                "example": _EXAMPLE,
            }
        },
    }
}


class Result(BaseModel):
    """The verdict on one event, in the order in which the events were posted."""

    id: str | None
    status: Literal["accepted", "rejected"]
    problem: dict[str, Any] | None = Field(default=None, description="Why it was rejected (RFC 9457).")


class Results(BaseModel):
    """At least one event was accepted."""

    results: list[Result]
