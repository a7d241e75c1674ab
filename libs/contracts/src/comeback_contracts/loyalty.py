"""What loyalty tells: points, tiers, rewards. ``points`` are positive, the type says which way they went."""

from pydantic import Field

from comeback_contracts.ids import Id
from comeback_contracts.instants import Instant
from comeback_contracts.model import Contract
from comeback_contracts.money import Count, Integer
from comeback_contracts.text import ShortText, Text


class PointsData(Contract):
    """What every ``points.*`` event says. ``balance`` is what can be spent afterwards."""

    customer_id: Id
    points: Count
    balance: Integer
    transaction_id: Id
    order_id: Id | None = None
    reason: Text | None = None


class PointsEarned(PointsData):
    """``points.earned``: to be spent from ``available_at`` (null: at once) until ``expires_at`` (null: for ever)."""

    pending: bool = False
    available_at: Instant | None = None
    expires_at: Instant | None = None


class PointsClawedBack(PointsData):
    """``points.clawed_back``: what earned them was refunded or cancelled. ``shortfall`` could not be taken any more."""

    shortfall: Count = 0


class PointsRedeemed(PointsData):
    """``points.redeemed``: spent for good."""

    redemption_id: Id | None = None


class PointsExpired(PointsData):
    """``points.expired``: they were not spent in time."""


class PointsExpiring(PointsData):
    """``points.expiring``: they go at ``expires_at``. ``transaction_id`` names the warning, nothing was booked."""

    expires_at: Instant


class TierChanged(Contract):
    """``tier.changed``: tier ids; null is no tier."""

    customer_id: Id
    from_: Id | None = Field(default=None, alias="from")
    to: Id | None = None
    to_name: Text | None = None
    at: Instant
    until: Instant | None = None
    reason: Text | None = None


class RewardRedeemed(Contract):
    """``reward.redeemed``: a reward was paid with points and used."""

    customer_id: Id
    redemption_id: Id
    reward_id: Id | None = None
    kind: ShortText | None = None
    points: Count
    code: ShortText | None = None
    order_id: Id | None = None
    at: Instant
