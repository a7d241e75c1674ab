"""The scores behind each kind of question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recommendations.engine import community, evidence, personal, replenishing, upsell
from recommendations.engine.alike import of_buyers
from recommendations.engine.columns import AnyInts, Floats, Ints
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
    """Product rows and scores; where ``owned`` is the larger part of a score, the item is there for the own orders."""

    source: str
    rows: AnyInts
    scores: Floats
    explain: Callable[[Sequence[int]], Sequence[Reason]]
    owned: Mapping[int, float] | None = None
    explain_owned: Callable[[int], Reason] = field(default=lambda _: Reason())


def _bought_together(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """One product without a customer: the linear score. A basket: the overlap score, and the own orders beside it."""
    seeds = engine.known(question.seeds)
    if len(set(question.seeds)) == 1 and len(seeds) == 1 and not len(own.slots):
        together = community.of_one(engine, int(seeds[0]), question.now)
    else:
        together = community.of_basket(engine, seeds, question.now, beta=0.5 if len(own.slots) else 0.4)
    rows, scores = _complements(*_supported(engine, together, question), question, seeds)
    if not len(own.slots):
        return Stage("bought_together", rows, scores, _together_reasons(engine, together))
    products, mine = _complements(*personal.for_basket(engine, own, seeds, question.now), question, seeds)
    mine = mine * OWN_WEIGHT * personal.own_share(engine, own, seeds, len(set(question.seeds))) ** OWN_POWER
    rows, scores = _added(rows, scores, products, mine)
    return Stage(
        "bought_together",
        rows,
        scores + POPULAR_TIE * engine.popularity(rows),
        _together_reasons(engine, together),
        dict(zip(products.tolist(), mine.tolist(), strict=True)),
        evidence.explain_own(engine, own, seeds),
    )


def _also_bought(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """What the buyers of these products bought at any other time."""
    del own
    buyers = of_buyers(engine, engine.known(question.seeds), question.now)
    rows = np.flatnonzero((buyers.values > 0.0) & (buyers.supports >= question.min_support))
    return Stage("also_bought", rows, buyers.values[rows], buyers.explain)


def _for_you(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """What goes with all that the customer bought lately."""
    seeds, weights = personal.history(engine, own, question.now)
    together = community.of_history(engine, seeds, weights, question.now)
    return Stage("for_you", *_supported(engine, together, question), _together_reasons(engine, together))


def _buy_again(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """The next basket: own products only; what fills it up comes from the next stage."""
    catalog = question.catalog
    sorts = catalog.sorts() if catalog is not None and len(catalog) else None
    rows, scores = personal.next_basket(engine, own, question.now, sorts)
    return Stage("buy_again", rows, scores + POPULAR_OWN * engine.popularity(rows), _own_reasons(engine, own))


def _replenishment(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """The own products that are due."""
    catalog = question.catalog
    lifetimes = {} if catalog is None else catalog.lifetimes(own.products.tolist())
    gaps = question.product_gaps or replenishing.ProductGaps(engine)
    cycles = replenishing.own_cycles(engine, own, gaps, lifetimes)
    rows, scores = replenishing.due_scores(cycles, question.now)
    return Stage("replenishment", rows, scores, _own_reasons(engine, own))


def _upsell(engine: ShopEngine, question: Question, own: Own) -> Stage:
    """Better products than the one at hand; the evidence is how often both were bought together."""
    del own
    values = np.zeros(engine.size)
    if question.catalog is not None:
        for seed in question.seeds:
            values = np.maximum(values, upsell.of_product(engine, question.catalog, seed, question.price_band))
    together = community.of_basket(engine, engine.known(question.seeds), question.now, beta=0.4)
    return Stage("upsell", *_positive(values), _together_reasons(engine, together))


def _trending(engine: ShopEngine, question: Question, own: Own) -> Stage:
    del own
    rows, scores = _positive(trending(engine, question.now, question.half_life_days))
    return Stage("trending", rows, scores, lambda rows: [evidence.explain_popular(engine, row) for row in rows])


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


def _positive(values: Floats) -> tuple[AnyInts, Floats]:
    rows = np.flatnonzero(values > 0.0)
    return rows, values[rows]


def _added(rows: AnyInts, scores: Floats, others: AnyInts, more: Floats) -> tuple[AnyInts, Floats]:
    """Two lists of rows with scores as one; ``rows`` ascend."""
    if not len(rows):
        return others, more
    place = np.minimum(np.searchsorted(rows, others), len(rows) - 1)
    known = rows[place] == others
    scores = scores.copy()
    scores[place[known]] += more[known]
    return np.concatenate([rows, others[~known]]), np.concatenate([scores, more[~known]])


def _supported(engine: ShopEngine, together: Together, question: Question) -> tuple[AnyInts, Floats]:
    if question.min_support <= 1:
        return together.rows, together.scores
    enough = evidence.supports(engine, together)[together.rows] >= question.min_support
    return together.rows[enough], together.scores[enough]


def _complements(rows: AnyInts, scores: Floats, question: Question, seeds: Ints) -> tuple[AnyInts, Floats]:
    """A complement is something else: no product of the type of one at hand, where the catalog names types."""
    if question.catalog is None or question.same_type or not len(question.catalog):
        return rows, scores
    types = question.catalog.codes("product_type")
    other = ~np.isin(types[rows], types[seeds][types[seeds] > 0])
    return rows[other], scores[other]


def _together_reasons(engine: ShopEngine, together: Together) -> Callable[[Sequence[int]], Sequence[Reason]]:
    return lambda rows: evidence.explain_together(engine, together, rows)


def _own_reasons(engine: ShopEngine, own: Own) -> Callable[[Sequence[int]], Sequence[Reason]]:
    none = np.empty(0, dtype=np.int32)
    explain = evidence.explain_own(engine, own, none)
    return lambda rows: [explain(row) for row in rows]
