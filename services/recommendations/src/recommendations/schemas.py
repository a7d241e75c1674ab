"""Request and response bodies."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from comeback_kit.bodies import Answer, Body, IdText
from recommendations.placement_document import Placement, PlacementId, Rules

ProductKind = Literal["bought_together", "also_bought", "upsell", "trending"]
CustomerKind = Literal["for_you", "buy_again", "trending", "replenishment"]


class BasketBody(Body):
    """A basket to be completed."""

    product_ids: list[IdText] = Field(max_length=500)
    customer_id: IdText | None = None
    placement: PlacementId | None = None
    limit: int | None = Field(default=None, ge=1, le=50, strict=True)
    exclude: list[IdText] | None = Field(default=None, max_length=500)
    exclude_owned: bool | None = Field(default=None, strict=True)
    min_support: int | None = Field(default=None, ge=1, le=1_000_000, strict=True)
    backfill: bool | None = Field(default=None, strict=True)


class ReasonAnswer(Answer):
    """The evidence. `support` orders hold the product and one of `seeds`, `confidence` of those that hold a seed do,
    and that is `lift` times the product's share of all orders. For `also_bought` they are buyers, not orders.
    """

    seeds: list[str]
    support: int
    confidence: float
    lift: float
    text: str = Field(description="the same in words, to be shown")


class CycleAnswer(Answer):
    """When a customer needs a product again: around `due_at`, most likely inside the window.

    `ratio` is the time since the last purchase in gaps: from 0.8 `due_soon`, above 1 `overdue`, above 4 `dropped`.
    `personal`: from the customer's own gaps, else from the product's usual one.
    """

    product_id: str
    state: Literal["early", "due_soon", "overdue", "dropped"]
    ratio: float
    gap_days: float
    purchases: int
    personal: bool
    last_at: datetime
    due_at: datetime
    window_from: datetime
    window_until: datetime


class CycleList(Answer):
    """The cycles of one customer, the next due one first."""

    items: list[CycleAnswer]


class ItemAnswer(Answer):
    """One product to offer. A higher score stands earlier within one source; sources are not comparable."""

    product_id: str
    score: float
    source: str = Field(
        description="why it is here: `bought_together`, `also_bought`, `upsell`, `for_you`, `buy_again`,"
        " `replenishment`, `pinned`, or `trending`"
    )
    reason: ReasonAnswer
    cycle: CycleAnswer | None = None


class RecommendationsAnswer(Answer):
    """An answer. `rec_id` names it in later calls; `as_of` is the state of the shop's orders that it shows.

    `fallback` names what all items come from where nothing better was known; `variant` is the arm of an experiment.
    """

    rec_id: str
    as_of: datetime
    items: list[ItemAnswer]
    placement: str | None = None
    variant: str | None = None
    fallback: str | None = None


class PlacementAnswer(Placement):
    """A placement with every default said. `updated_at` is null while it is as every shop has it."""

    placement_id: str
    updated_at: datetime | None


class RulesAnswer(Rules):
    """The rules of the whole shop."""

    updated_at: datetime | None
