"""The body of ``POST /v1/loyalty/earn/preview``."""

from typing import Any

import pytest
from pydantic import ValidationError

from loyalty.schemas.orders import EarnPreviewBody

ORDER = {"order_id": "1", "currency": "EUR", "lines": [], "total": 0, "placed_at": "2026-01-31T12:00:00Z"}


@pytest.mark.parametrize("at", [1_700_000_000, "1700000000", "2026-01-31", "2026-01-31T12:00:00"])
def test_an_instant_is_rfc_3339_and_nothing_else(at: Any) -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        EarnPreviewBody.model_validate({"order": ORDER, "at": at})


def test_any_offset_will_do() -> None:
    body = EarnPreviewBody.model_validate({"order": ORDER, "at": "2026-01-31T12:00:00+02:00"})
    assert body.at is not None
    assert body.at.isoformat() == "2026-01-31T10:00:00+00:00"
