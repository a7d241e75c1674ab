"""A placement: what is offered in one place of a shop, as one document with a default for every field."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from comeback_kit.bodies import Body, IdText
from recommendations.engine.question import Kind

PlacementId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Ids = Annotated[list[IdText], Field(max_length=1000)]
Trait = Literal["product_id", "brand", "product_type", "category", "tag"]
SHOP_WIDE = "*"


class Match(Body):
    """Products with one trait."""

    trait: Trait
    value: IdText


class Boost(Match):
    """Multiply the scores of matching products; below 1 it buries them."""

    factor: Annotated[float, Field(gt=0, le=100, strict=True)]


class PriceRange(Body):
    """Prices in minor units of a currency, both ends included."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    min: Annotated[int, Field(ge=0, strict=True)] | None = None
    max: Annotated[int, Field(ge=0, strict=True)] | None = None


class Filter(Body):
    """What may be offered. Empty lists ask for nothing; a product unknown to the catalog fails every filter."""

    category_ids: Ids = Field(default_factory=list)
    brands: Ids = Field(default_factory=list)
    product_types: Ids = Field(default_factory=list)
    tags: Ids = Field(default_factory=list)
    price: PriceRange | None = None


class Rules(Body):
    """A merchant's own say. Hides win over pins, pins over scores."""

    pins: Ids = Field(default_factory=list, description="product ids that stand first, in this order")
    boosts: list[Boost] = Field(default_factory=list, max_length=200)
    hides: list[Match] = Field(default_factory=list, max_length=1000, description="never offered")


class Upsell(Body):
    """The price band of an upsell, as multiples of the price of the product at hand."""

    above: Annotated[float, Field(ge=0.1, le=10, strict=True)] = 1.0
    upto: Annotated[float, Field(ge=0.1, le=100, strict=True)] = 1.5


def _only_trending() -> list[Kind]:
    return ["trending"]


class Settings(Rules):
    """Everything that a placement decides."""

    kind: Kind = "bought_together"
    limit: Annotated[int, Field(ge=1, le=50, strict=True)] = 10
    min_support: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    exclude_owned: bool = False
    repeat_share: Annotated[
        float | None, Field(ge=0, le=1, description="most of the items that the customer already has, as a share")
    ] = None
    in_stock: Annotated[bool, Field(description="leave out what the catalog says is out of stock")] = True
    same_type: Annotated[bool, Field(description="let complements be of the product type of the one at hand")] = False
    max_per_category: Annotated[int | None, Field(ge=1, le=50, strict=True)] = None
    backfill: bool = True
    fallbacks: list[Kind] = Field(
        default_factory=_only_trending, max_length=7, description="kinds that fill up what is left, in order"
    )
    trending_half_life_days: Annotated[float | None, Field(gt=0, le=3650, description="null: never forget")] = 14.0
    upsell: Upsell = Upsell()
    filter: Filter = Filter()
    exclude: Ids = Field(default_factory=list)


class Experiment(Body):
    """A/B: a fixed share of the customers gets `variant` instead; who gets which never changes under one id."""

    experiment_id: PlacementId
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    variant: Settings


class Placement(Settings):
    """A placement as it is put."""

    experiment: Experiment | None = None

    @model_validator(mode="before")
    @classmethod
    def _variant_overrides(cls, value: object) -> object:
        """A variant says only what it does differently."""
        if not isinstance(value, dict) or not isinstance(value.get("experiment"), dict):
            return value
        base = {name: said for name, said in value.items() if name in Settings.model_fields}
        variant = value["experiment"].get("variant")
        if not isinstance(variant, dict):
            return value
        return {**value, "experiment": {**value["experiment"], "variant": {**base, **variant}}}

    @field_validator("fallbacks")
    @classmethod
    def _each_once(cls, kinds: list[Kind]) -> list[Kind]:
        return list(dict.fromkeys(kinds))


DEFAULTS: dict[str, Placement] = {
    "product_page": Placement(),
    "cart": Placement(),
    "post_purchase": Placement(),
    "account": Placement(kind="for_you"),
    "email": Placement(kind="buy_again"),
}
"""What a new shop has (CONTRACT §6)."""
