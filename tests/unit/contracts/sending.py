"""Orders as callers send them, accepted or refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from comeback_contracts.problems import InvalidData
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
