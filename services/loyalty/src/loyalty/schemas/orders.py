"""What an order earns, why, and what a thank-you page shows of it."""

from datetime import datetime
from typing import Any

from comeback_contracts.instants import Instant
from comeback_contracts.orders import Order
from comeback_kit.http import Answer, Body, IdText


class EarnPreviewBody(Body):
    """An order (a cart will do: it is taken as paid), for whom, and when (default: its ``placed_at``)."""

    order: Order
    customer_id: IdText | None = None
    at: Instant | None = None


class RulePoints(Answer):
    """What a rule paid, or the reason why nothing; ``tier:<level>`` is the multiplier of a tier."""

    rule_id: str
    kind: str
    points: int
    reason: str | None


class LinePoints(Answer):
    """A line's part of the points. Amounts are in minor units of the order's currency."""

    line_id: str
    eligible: int
    eligible_before_refunds: int
    points: int
    reason: str | None


class CapPoints(Answer):
    """A cap that lowered the order."""

    period: str
    over: str
    lowered_by: int


class EarnPreviewAnswer(Answer):
    """``points`` is what the order is worth, ``pending`` how many of them cannot be spent at once."""

    points: int
    pending: int
    available_at: datetime | None
    expires_at: datetime | None
    program_version: int
    note: str | None
    rules: list[RulePoints]
    lines: list[LinePoints]
    caps: list[CapPoints]


class Posting(Answer):
    """One transaction that the order caused."""

    id: str
    customer_id: str
    type: str
    points: int
    reason: str | None
    created_at: datetime


class ExplanationAnswer(Answer):
    """Why an order earned what it earned. ``note`` says why the order as a whole earns nothing, or null."""

    order_id: str
    customer_id: str | None
    program_version: int | None
    points: int
    settled: int
    shortfall: int
    note: str | None
    rules: list[RulePoints]
    lines: list[LinePoints]
    caps: list[CapPoints]
    postings: list[Posting]


class PostPurchaseAnswer(Answer):
    """Loyalty's part of a thank-you page."""

    points_earned: int
    points_pending: int
    balance: int
    tier: dict[str, Any] | None
    next_reward: dict[str, Any] | None
