"""Reports for finance, and the audit trail."""

from datetime import datetime
from typing import Any

from comeback_kit.http import Answer


class LiabilityPart(Answer):
    """Points that expire in a month (null: never) and belong to members of a tier (null: none)."""

    month: str | None
    tier: str | None
    points: int
    value: int


class LiabilityAnswer(Answer):
    """``points`` are balances and held ones; ``value`` their worth in minor units at the program's rate."""

    at: datetime
    currency: str
    points: int
    value: int
    expected_breakage: int
    by: list[LiabilityPart]


class MonthRow(Answer):
    """What moved in a month of the shop's zone."""

    month: str
    earned: int
    clawed_back: int
    spent: int
    returned: int
    expired: int
    adjusted: int


class MonthsAnswer(Answer):
    """Months, newest first."""

    items: list[MonthRow]
    next_cursor: str | None = None


class AuditRow(Answer):
    """One action of the staff or of a key."""

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
