"""Rewards, redemptions and codes as callers see them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from comeback_contracts.instants import Instant
from comeback_contracts.money import Currency
from comeback_kit.http import Answer, Body, IdText
from loyalty.program.fields import Factor, Flag, Integer, Label, Minor, Points, Positive

RewardKind = Literal[
    "amount_off", "percent_off", "free_shipping", "free_product", "gift_card", "event_invitation", "partner"
]
RedemptionState = Literal["held", "spent", "cancelled", "expired", "returned"]
Text = Annotated[str, Field(max_length=2000)]
CodeText = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f/]+$")]


class RewardFields(Body):
    """What a reward is and who may take it."""

    kind: RewardKind
    name: Label
    description: Text | None = None
    image_url: Text | None = None
    points: Points = Field(description="price in points; 0 is free")
    value: Minor | None = Field(default=None, description="minor units off, or on the gift card")
    currency: Currency | None = Field(default=None, description="of `value`; default: the shop's")
    percent: Factor | None = Field(default=None, description="percent off, as a decimal text, at most 100")
    product_id: IdText | None = None
    limit_per_member: Positive | None = Field(
        default=None, description="how often one member may take it; null: always"
    )
    tiers: tuple[IdText, ...] = Field(
        default=(),
        max_length=50,
        description="only for these tiers, and for those whose `benefits.reward_ids` name it; neither: for all",
    )
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    code_pool: Flag = Field(default=False, description="codes come from the pool that was imported, else they are made")
    code_prefix: Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    active: Flag = True


class RewardBody(RewardFields):
    """A reward to add or to change. ``stock`` null is without limit."""

    reward_id: IdText | None = None
    stock: Minor | None = None


class RewardChange(RewardBody):
    """A reward as it shall be; what else an answer says is ignored, so that it can be sent back changed."""

    created_at: Instant | None = Field(default=None, exclude=True, description="ignored")
    updated_at: Instant | None = Field(default=None, exclude=True, description="ignored")
    affordable: Flag | None = Field(default=None, exclude=True, description="ignored")
    points_missing: Integer | None = Field(default=None, exclude=True, description="ignored")


class RewardAnswer(Answer):
    """A reward of the catalog. ``stock`` is what is left, null without limit."""

    reward_id: str
    kind: RewardKind
    name: str
    description: str | None
    image_url: str | None
    points: int
    value: int | None
    currency: str | None
    percent: str | None
    product_id: str | None
    stock: int | None
    limit_per_member: int | None
    tiers: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    code_pool: bool
    code_prefix: str
    active: bool
    created_at: datetime
    updated_at: datetime
    affordable: bool | None = Field(default=None, description="only for a member: whether the balance is enough")
    points_missing: int | None = None


class RedemptionBody(Body):
    """Take a reward, or pay for an order with points."""

    reward_id: IdText | None = None
    points: Positive | None = None
    order_id: IdText | None = None
    order_total: Minor | None = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "RedemptionBody":
        paying = (self.points, self.order_id, self.order_total, self.currency)
        if self.reward_id is not None and any(value is not None for value in paying):
            raise ValueError("give reward_id alone, or points, order_id, order_total and currency")
        if self.reward_id is None and any(value is None for value in paying):
            raise ValueError("give reward_id, or all of points, order_id, order_total and currency")
        return self


class ConfirmBody(Body):
    """How many of the held points are spent; all of them where it says nothing."""

    points: Annotated[Integer, Field(ge=1)] | None = None


class NothingBody(Body):
    """No fields."""


class RedemptionAnswer(Answer):
    """A redemption. ``points`` are held, or were spent; ``value`` is their worth in minor units of ``currency``."""

    redemption_id: str
    customer_id: str
    reward_id: str | None
    order_id: str | None
    state: RedemptionState
    points: int
    returned_points: int
    value: int | None
    currency: str | None
    code: str
    created_at: datetime
    expires_at: datetime | None
    resolved_at: datetime | None


class CodesBody(Body):
    """Codes for a reward's pool: given ones, or how many to make."""

    codes: tuple[CodeText, ...] = Field(default=(), max_length=10_000)
    generate: Annotated[Integer, Field(ge=1, le=10_000)] | None = None


class CodesAnswer(Answer):
    """How many codes were added, and how many are free now."""

    added: int
    free: int
    codes: tuple[str, ...] = Field(default=(), description="the codes that were made")
