"""The scores behind each kind of question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from recommendations.engine import community, evidence, personal, replenishing, upsell
from recommendations.engine.alike import of_buyers
from recommendations.engine.columns import Floats, Ints
from recommendations.engine.community import Together
from recommendations.engine.evidence import Reason
from recommendations.engine.personal import Own
from recommendations.engine.popularity import trending
from recommendations.engine.question import Kind, Question
from recommendations.engine.shop import ShopEngine

OWN_WEIGHT = 2.0
OWN_POWER = 0.7
POPULAR_TIE = 1e-6
POPULAR_OWN = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """Scores by product row; where ``owned`` is the larger part of a score, the item is there for the own orders."""

    source: str
    values: Floats
    explain: Callable[[Sequence[int]], Sequence[Reason]]
    owned: Floats | None = None
    explain_owned: Callable[[int], Reason] = field(default=lambda _: Reason())


def _bought_together(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """One product without a customer: the linear score. A basket: the overlap score, and the own orders beside it."""
    seeds = engine.known(question.seeds)
    if len(question.seeds) == 1 and len(seeds) == 1 and not len(own.slots):
        together = community.of_one(engine, int(seeds[0]), question.now)
    else:
        together = community.of_basket(engine, seeds, question.now, beta=0.5 if len(own.slots) else 0.4)
    values, mine = _complements(_supported(engine, together, question), question, seeds), None
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
    return Stage(
        "for_you",
        _supported(engine, together, question),
        lambda rows: evidence.explain_together(engine, together, rows),
    )


def _buy_again(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """The next basket: own products only; what fills it up comes from the next stage."""
    values = personal.next_basket(engine, own, question.now)
    some = values > 0.0
    values[some] += POPULAR_OWN * engine.popularity_share()[some]
    return Stage("buy_again", values, _own_reasons(engine, own))


def _replenishment(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """The own products that are due."""
    catalog = question.catalog
    lifetimes = {} if catalog is None else catalog.lifetimes(own.products.tolist())
    gaps = question.product_gaps or replenishing.ProductGaps(engine)
    cycles = replenishing.own_cycles(engine, own, gaps, lifetimes)
    return Stage("replenishment", replenishing.due_scores(engine, cycles, question.now), _own_reasons(engine, own))


def _upsell(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """Better products than the one at hand; the evidence is how often both were bought together."""
    del own
    values = np.zeros(engine.size)
    if question.catalog is not None:
        for seed in question.seeds:
            values = np.maximum(values, upsell.of_product(engine, question.catalog, seed, question.price_band))
    together = community.of_basket(engine, engine.known(question.seeds), question.now, beta=0.4)
    return Stage("upsell", values, lambda rows: evidence.explain_together(engine, together, rows))


def _trending(engine: ShopEngine, question: Question, own: Own) -> Stage:
    del own
    values = trending(engine, question.now, question.half_life_days)
    return Stage("trending", values, lambda rows: [evidence.explain_popular(engine, row) for row in rows])


MakeStage = Callable[[ShopEngine, Question, Own], Stage]
STAGES: dict[Kind, MakeStage] = {
    "bought_together": _bought_together,
    "also_bought": _also_bought,
    "for_you": _for_you,
    "buy_again": _buy_again,
    "trending": _trending,
    "upsell": _upsell,
    "replenishment": _replenishment,
}


def _supported(engine: ShopEngine, together: Together, question: Question) -> Floats:
    if question.min_support <= 1:
        return together.values
    return np.where(evidence.supports(engine, together) >= question.min_support, together.values, 0.0)


def _complements(values: Floats, question: Question, seeds: Ints) -> Floats:
    """A complement is something else: no product of the type of one at hand, where the catalog names types."""
    if question.catalog is None or question.same_type or not len(question.catalog):
        return values
    types = question.catalog.codes("product_type")
    same = np.isin(types, types[seeds][types[seeds] > 0])
    return np.where(same, 0.0, values) if same.any() else values


def _own_reasons(engine: ShopEngine, own: Own) -> Callable[[Sequence[int]], Sequence[Reason]]:
    none = np.empty(0, dtype=np.int32)
    return lambda rows: [evidence.explain_own(engine, own, none, row) for row in rows]
