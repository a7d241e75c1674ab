"""A question and its answer: stages of scores, each filling up what the one before left free."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from recommendations.engine import community, evidence, personal
from recommendations.engine.alike import of_buyers
from recommendations.engine.columns import Floats, Ints
from recommendations.engine.evidence import Reason
from recommendations.engine.personal import Own
from recommendations.engine.popularity import trending
from recommendations.engine.ranking import Ranked, best
from recommendations.engine.shop import SHORTEST, ShopEngine

Kind = Literal["bought_together", "also_bought", "for_you", "buy_again", "trending", "upsell"]
OWN_WEIGHT = 2.0
OWN_POWER = 0.7
POPULAR_TIE = 1e-6
POPULAR_OWN = 0.02


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `seeds` are the products at hand and never appear in the answer; `order_id` is an order that
    does not count as one of the customer's own; `factors` by product row multiply the scores, 0 keeps a product out;
    a trending half-life is in days.
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
    factors: Floats | None = None
    half_life_days: float = SHORTEST


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One item of an answer, and why it is there."""

    row: int
    product_id: str
    score: float
    source: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Stage:
    """Scores by product row; where `owned` is the larger part of a score, the item is there for the own orders."""

    source: str
    values: Floats
    explain: Callable[[Sequence[int]], Sequence[Reason]]
    owned: Floats | None = None
    explain_owned: Callable[[int], Reason] = field(default=lambda _: Reason())


def suggest(engine: ShopEngine, question: Question) -> list[Suggestion]:
    """The answer of one engine as it is now: the best of the asked kind first, then (with `backfill`) what else fits,
    each item named by its source.
    """
    own = personal.own_orders(engine, question.customer_id, question.order_id)
    out = np.concatenate([engine.known([*question.seeds, *question.exclude]), _owned(question, own)])
    found: list[Suggestion] = []
    for make in _plan(question):
        if len(found) >= question.limit:
            break
        stage = make(engine, question, own)
        taken = np.concatenate([out, np.array([item.row for item in found], dtype=np.int32)])
        values = stage.values if question.factors is None else stage.values * question.factors
        found += _name(stage, best(engine, values, question.limit - len(found), taken))
    return found


MakeStage = Callable[[ShopEngine, Question, Own], Stage]


def _plan(question: Question) -> list[MakeStage]:
    first: dict[Kind, list[MakeStage]] = {
        "bought_together": [_bought_together],
        "also_bought": [_also_bought],
        "for_you": [_for_you],
        "buy_again": [_buy_again],
        "trending": [_trending],
        "upsell": [],
    }
    if not question.backfill:
        return [*first[question.kind], *([_for_you] if question.kind == "buy_again" else [])]
    more: dict[Kind, list[MakeStage]] = {"also_bought": [_bought_together], "buy_again": [_for_you]}
    last = [] if question.kind == "trending" else [_trending]
    return [*first[question.kind], *more.get(question.kind, []), *last]


def _owned(question: Question, own: Own) -> Ints:
    return own.products if question.exclude_owned else np.empty(0, dtype=np.int32)


def _name(stage: Stage, ranked: list[Ranked]) -> list[Suggestion]:
    own = [stage.owned is not None and 2.0 * float(stage.owned[item.row]) > item.score for item in ranked]
    shared = iter(stage.explain([item.row for item, mine in zip(ranked, own, strict=True) if not mine]))
    return [
        Suggestion(item.row, item.product_id, item.score, "buy_again", stage.explain_owned(item.row))
        if mine
        else Suggestion(item.row, item.product_id, item.score, stage.source, next(shared))
        for item, mine in zip(ranked, own, strict=True)
    ]


def _bought_together(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """One product without a customer: the linear score. A basket: the overlap score, and the own orders beside it."""
    seeds = engine.known(question.seeds)
    if len(question.seeds) == 1 and not len(own.slots) and len(seeds) == 1:
        together = community.of_one(engine, int(seeds[0]), question.now)
    else:
        together = community.of_basket(engine, seeds, question.now, beta=0.5 if len(own.slots) else 0.4)
    values, mine = together.values, None
    if question.min_support > 1:
        values = np.where(evidence.supports(engine, together) >= question.min_support, values, 0.0)
    if len(own.slots):
        size = len(set(question.seeds))
        weight = OWN_WEIGHT * personal.own_share(own, seeds, size) ** OWN_POWER
        mine = weight * personal.for_basket(engine, own, seeds, question.now)
        values = values + mine
        values[values > 0.0] += POPULAR_TIE * engine.popularity_share()[values > 0.0]
    return Stage(
        "bought_together",
        values,
        lambda rows: evidence.explain_together(engine, together, rows),
        mine,
        lambda row: evidence.explain_own(engine, own, seeds, row),
    )


def _also_bought(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """What the buyers of these products bought at any other time."""
    del own
    buyers = of_buyers(engine, engine.known(question.seeds), question.now)
    values = np.where(buyers.supports >= question.min_support, buyers.values, 0.0)
    return Stage("also_bought", values, buyers.explain)


def _for_you(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """What goes with all that the customer bought lately."""
    seeds, weights = personal.history(engine, own, question.now)
    together = community.of_history(engine, seeds, weights, question.now)
    values = together.values
    if question.min_support > 1:
        values = np.where(evidence.supports(engine, together) >= question.min_support, values, 0.0)
    return Stage("for_you", values, lambda rows: evidence.explain_together(engine, together, rows))


def _buy_again(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """The next basket: own products only; what fills it up comes from the next stage."""
    values = personal.next_basket(engine, own, question.now)
    some = values > 0.0
    values[some] += POPULAR_OWN * engine.popularity_share()[some]
    none = np.empty(0, dtype=np.int32)
    return Stage("buy_again", values, lambda rows: [evidence.explain_own(engine, own, none, row) for row in rows])


def _trending(engine: ShopEngine, question: Question, own: Own) -> Stage:
    del own
    values = trending(engine, question.now, question.half_life_days)
    return Stage("trending", values, lambda rows: [evidence.explain_popular(engine, row) for row in rows])
