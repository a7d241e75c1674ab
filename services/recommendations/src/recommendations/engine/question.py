"""What an engine can be asked, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recommendations.engine.catalog import Catalog
from recommendations.engine.columns import Floats
from recommendations.engine.evidence import Reason
from recommendations.engine.replenishing import ProductGaps
from recommendations.engine.sums import SHORTEST
from recommendations.engine.upsell import DEFAULT_BAND, PriceBand

Kind = Literal["bought_together", "also_bought", "for_you", "buy_again", "trending", "upsell", "replenishment"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    ``seeds`` are the products at hand and never appear in the answer; ``order_id`` is an order that does not count as
    one of the customer's own; ``factors`` by product row multiply the scores, 0 keeps a product out; ``pins`` stand
    first. ``fallbacks`` fill up what is left, where ``backfill`` allows it. ``repeats`` and ``per_category`` are the
    most items that the customer already has, and of one category.
    """

    kind: Kind
    now: float
    seeds: Sequence[str] = ()
    customer_id: str | None = None
    order_id: str | None = None
    limit: int = 10
    exclude: Sequence[str] = ()
    exclude_owned: bool = False
    min_support: int = 1
    backfill: bool = True
    fallbacks: Sequence[Kind] = ("trending",)
    factors: Floats | None = None
    pins: Sequence[str] = ()
    repeats: int | None = None
    per_category: int | None = None
    half_life_days: float = SHORTEST
    price_band: PriceBand = DEFAULT_BAND
    same_type: bool = False
    catalog: Catalog | None = None
    product_gaps: ProductGaps | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One item of an answer, and why it is there."""

    row: int
    product_id: str
    score: float
    source: str
    reason: Reason
