"""Request and response bodies."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from comeback_kit.bodies import Answer, Body, IdText

ProductKind = Literal["bought_together", "also_bought", "upsell"]
CustomerKind = Literal["for_you", "buy_again", "trending"]


class BasketBody(Body):
    """A basket to be completed."""

    product_ids: list[IdText] = Field(max_length=500)
    customer_id: IdText | None = None
    limit: int | None = Field(default=None, ge=1, le=50, strict=True)
    exclude: list[IdText] | None = Field(default=None, max_length=500)
    exclude_owned: bool | None = None
    min_support: int | None = Field(default=None, ge=1, le=1_000_000, strict=True)
    backfill: bool | None = None


class ReasonAnswer(Answer):
    """The evidence. `support` orders hold the product and one of `seeds`, `confidence` of those that hold a seed do,
    and that is `lift` times the product's share of all orders. For `also_bought` and `for_you` see the guide.
    """

    seeds: list[str]
    support: int
    confidence: float
    lift: float
    text: str = Field(description="the same in words, to be shown")


class ItemAnswer(Answer):
    """One product to offer. A higher score stands earlier within one source; sources are not comparable."""

    product_id: str
    score: float
    source: str = Field(
        description="why it is here: `bought_together`, `also_bought`, `upsell`, `for_you`, `buy_again`, `pinned`, or"
        " `trending` where nothing better was known"
    )
    reason: ReasonAnswer


class RecommendationsAnswer(Answer):
    """An answer. `rec_id` names it in later calls; `as_of` is the state of the shop's orders that it shows."""

    rec_id: str
    as_of: datetime
    items: list[ItemAnswer]


class PostPurchaseAnswer(Answer):
    """The recommendations part of the post-purchase call. `fallback` where nothing better than that was known."""

    rec_id: str
    as_of: datetime
    items: list[ItemAnswer]
    fallback: str | None = None
