"""How a placement and the shop-wide rules shape a question. Pure."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recommendations.engine import ShopEngine
from recommendations.engine.catalog import Catalog
from recommendations.engine.columns import Floats, Ints
from recommendations.engine.question import Question
from recommendations.engine.upsell import PriceBand
from recommendations.placement_document import Filter, Match, Placement, PriceRange, Rules, Settings

NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The settings that hold for one caller, and the arm of the experiment they come from."""

    settings: Settings
    experiment_id: str | None = None
    variant: str | None = None


def choose(placement: Placement, shop_id: str, customer_id: str | None) -> Chosen:
    """The arm of a customer: always the same under one experiment id. Nobody in particular is in arm ``a``."""
    experiment = placement.experiment
    if experiment is None:
        return Chosen(placement)
    in_b = customer_id is not None and place_of(shop_id, experiment.experiment_id, customer_id) < experiment.share
    settings = experiment.variant if in_b else placement
    return Chosen(settings, experiment.experiment_id, "b" if in_b else "a")


def place_of(shop_id: str, experiment_id: str, customer_id: str) -> float:
    """A fixed place of a customer between 0 and 1."""
    digest = hashlib.sha256(f"{shop_id}\x00{experiment_id}\x00{customer_id}".encode()).digest()
    return float(int.from_bytes(digest[:8], "big")) / 2.0**64


def shaped(question: Question, settings: Settings, engine: ShopEngine, catalog: Catalog, shop_wide: Rules) -> Question:
    """The question with the settings' defaults where it says nothing itself: its own limits win."""
    return replace(
        question,
        exclude=[*question.exclude, *settings.exclude],
        fallbacks=settings.fallbacks,
        factors=factors(engine, catalog, settings, shop_wide),
        pins=[*shop_wide.pins, *settings.pins],
        repeats=None if settings.repeat_share is None else math.floor(settings.repeat_share * question.limit + 1e-9),
        per_category=settings.max_per_category,
        half_life_days=settings.trending_half_life_days or math.inf,
        price_band=PriceBand(settings.upsell.above, settings.upsell.upto),
        same_type=settings.same_type,
        catalog=catalog,
    )


def factors(engine: ShopEngine, catalog: Catalog, settings: Settings, shop_wide: Rules) -> Floats | None:
    """What each product's score is multiplied with; None where nothing is said."""
    values = np.ones(engine.size)
    allowed = _allowed(engine, catalog, settings.filter)
    if allowed is not None:
        values[~allowed] = 0.0
    for rules in (shop_wide, settings):
        for boost in rules.boosts:
            values[_rows(engine, catalog, boost)] *= boost.factor
    for rules in (shop_wide, settings):
        for hide in rules.hides:
            values[_rows(engine, catalog, hide)] = 0.0
    values[catalog.unavailable(in_stock=settings.in_stock)] = 0.0
    return None if (values == 1.0).all() else values


def _rows(engine: ShopEngine, catalog: Catalog, match: Match) -> Ints:
    return engine.known([match.value]) if match.trait == "product_id" else catalog.rows_with(match.trait, match.value)


def _allowed(
    engine: ShopEngine, catalog: Catalog, wanted: Filter
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]] | None":
    groups: Sequence[tuple[str, Sequence[str]]] = (
        ("category", wanted.category_ids),
        ("brand", wanted.brands),
        ("product_type", wanted.product_types),
        ("tag", wanted.tags),
    )
    allowed = None if wanted.price is None else _in_range(engine, catalog, wanted.price)
    for trait, values in groups:
        if not values:
            continue
        one = np.zeros(engine.size, dtype=np.bool_)
        for value in values:
            one[catalog.rows_with(trait, value)] = True
        allowed = one if allowed is None else allowed & one
    return allowed


def _in_range(engine: ShopEngine, catalog: Catalog, wanted: PriceRange) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    inside = np.zeros(engine.size, dtype=np.bool_)
    inside[catalog.rows_with("currency", wanted.currency)] = True
    prices = catalog.prices()
    inside &= prices >= (wanted.min or 0)
    return inside if wanted.max is None else inside & (prices <= wanted.max)
