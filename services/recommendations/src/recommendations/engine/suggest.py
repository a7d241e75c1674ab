"""A question and its answer: stages of scores, each filling up what the one before left free."""

from collections.abc import Sequence

import numpy as np

from recommendations.engine import evidence, personal
from recommendations.engine.choosing import Places
from recommendations.engine.columns import Ints
from recommendations.engine.personal import Own
from recommendations.engine.question import Kind, Question, Suggestion
from recommendations.engine.ranking import Ranked, best
from recommendations.engine.shop import ShopEngine
from recommendations.engine.stages import STAGES, Stage

__all__ = ["Kind", "Question", "Suggestion", "suggest"]

PINNED = "pinned"
PICKY_FACTOR = 20  # how many times the free places are ranked where not every product may take one


def suggest(engine: ShopEngine, question: Question) -> list[Suggestion]:
    """The answer of one engine as it is now: pins, the best of the asked kind, then what else fits, named by source."""
    own = personal.own_orders(engine, question.customer_id, question.order_id)
    out = np.concatenate([engine.known([*question.seeds, *question.exclude]), _owned(question, own)])
    places = _places(question, own)
    found = _pinned(engine, question, places, out)
    for kind in _plan(question):
        if places.free <= 0:
            break
        stage = STAGES[kind](engine, question, own)
        scores = stage.scores if question.factors is None else stage.scores * question.factors[stage.rows]
        taken = np.concatenate([out, np.array(places.taken, dtype=np.int32)])
        wanted = places.free * (PICKY_FACTOR if places.picky else 1)
        found += _name(stage, places.choose(best(engine, stage.rows, scores, wanted, taken)))
    return found


def _plan(question: Question) -> list[Kind]:
    kinds: list[Kind] = [question.kind]
    if question.kind == "buy_again":
        kinds.append("for_you")
    if question.backfill:
        kinds += ["bought_together"] if question.kind == "also_bought" else []
        kinds += question.fallbacks
    return list(dict.fromkeys(kinds))


def _places(question: Question, own: Own) -> Places:
    catalog = question.catalog
    owned = frozenset() if question.repeats is None else frozenset(own.products.tolist())
    places = Places(question.limit, question.per_category, question.repeats, owned=owned)
    if catalog is not None:
        places.category_of = catalog.category_of
    return places


def _owned(question: Question, own: Own) -> Ints:
    return own.products if question.exclude_owned else np.empty(0, dtype=np.int32)


def _pinned(engine: ShopEngine, question: Question, places: Places, out: Ints) -> list[Suggestion]:
    """Pins come first, whatever their score, but not what is at hand, excluded or not to be had."""
    if not question.pins:
        return []
    rows = engine.known(question.pins)
    if question.factors is not None:
        rows = rows[question.factors[rows] > 0.0]
    rows = rows[~np.isin(rows, out)]
    pins = places.choose([Ranked(row, engine.products.texts[row], 1.0) for row in rows.tolist()])
    return [
        Suggestion(pin.row, pin.product_id, pin.score, PINNED, evidence.explain_popular(engine, pin.row))
        for pin in pins
    ]


def _name(stage: Stage, ranked: Sequence[Ranked]) -> list[Suggestion]:
    own = [stage.owned is not None and 2.0 * stage.owned.get(item.row, 0.0) > item.score for item in ranked]
    shared = iter(stage.explain([item.row for item, mine in zip(ranked, own, strict=True) if not mine]))
    return [
        Suggestion(item.row, item.product_id, item.score, "buy_again", stage.explain_owned(item.row))
        if mine
        else Suggestion(item.row, item.product_id, item.score, stage.source, next(shared))
        for item, mine in zip(ranked, own, strict=True)
    ]
