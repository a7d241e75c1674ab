"""Members, their transactions and lots as callers see them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator

from comeback_contracts.instants import Instant
from comeback_kit.bodies import MAX_SAFE_INTEGER
from comeback_kit.http import Answer, Body, IdText
from loyalty.program.fields import Flag, Integer, Positive

TransactionType = Literal[
    "earned",
    "pending_added",
    "pending_activated",
    "pending_cancelled",
    "clawed_back",
    "held",
    "released",
    "spent",
    "returned",
    "expired",
    "adjusted",
    "transferred_in",
    "transferred_out",
]


class PointsAt(Answer):
    """So many points at an instant."""

    points: int
    at: datetime


class NextTier(Answer):
    """The level above. ``points_needed`` is in what the tiers count: points, minor units, or orders."""

    id: str
    name: str
    points_needed: int


class TierAnswer(Answer):
    """A member's tier; ``id`` null is below the lowest level. ``points_to_keep`` is missing to reach it again."""

    id: str | None
    name: str | None
    since: datetime | None
    until: datetime | None
    next: NextTier | None
    points_to_keep: int
    free_shipping: bool
    multiplier: str
    reward_ids: tuple[str, ...]


class MemberAnswer(Answer):
    """A member. ``balance`` can be spent now; ``tier`` is null where the program has no tiers."""

    customer_id: str
    balance: int
    pending: int
    held: int
    shortfall: int
    lifetime_earned: int
    tier: TierAnswer | None
    next_expiration: PointsAt | None
    next_activation: PointsAt | None


class MemberRow(Answer):
    """A member in a list."""

    customer_id: str
    balance: int
    pending: int
    held: int
    shortfall: int
    lifetime_earned: int
    tier_id: str | None
    created_at: datetime
    updated_at: datetime


class TransactionAnswer(Answer):
    """One movement of points; ``balance_after`` chains over all types but the three that do not move the balance.

    ``points`` of ``expired`` are above 0 where an order that came late takes back what ran out in the meantime, to
    spend it.
    """

    id: str
    type: TransactionType
    points: int
    balance_after: int
    order_id: str | None
    redemption_id: str | None
    reason: str | None
    rule_ids: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None


class LotAnswer(Answer):
    """Points earned together; ``remaining`` are not spent yet, those held included."""

    lot_id: str
    order_id: str | None
    earned: int
    remaining: int
    earned_at: datetime
    available_at: datetime | None
    expires_at: datetime | None


class AdjustmentBody(Body):
    """Points given (above 0) or taken (below 0) by hand."""

    points: Annotated[Integer, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    available_at: Instant | None = None
    expires_at: Instant | None = None

    @field_validator("points")
    @classmethod
    def _not_zero(cls, value: int) -> int:
        if value == 0:
            raise ValueError("must not be 0")
        return value


class TransferBody(Body):
    """Points for another member; ``keep_expiry`` false makes them newly earned there."""

    to: IdText
    points: Positive
    keep_expiry: Flag = False


class TransferAnswer(Answer):
    """Both sides of a transfer."""

    out: TransactionAnswer
    into: TransactionAnswer
