"""Every method on every task."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from benchmarks.recommendations.journey import Window
from benchmarks.recommendations.judging import Figure, figure
from benchmarks.recommendations.ours import METHOD, Engine
from benchmarks.recommendations.peers import Als, Cosine, Ease, Floats, Shelf, scaled

Model = TypeVar("Model")

# Chosen on the window four weeks earlier; the README has the grid.
EASE_BASKETS = 5.0
EASE_HOUSEHOLDS = 100.0
ALS_BASKETS = (256, 40.0, 10.0)  # factors, confidence, penalty
ALS_HOUSEHOLDS = (64, 1.0, 0.05)


def completion(window: Window, engine: Engine, shelf: Shelf) -> tuple[list[Figure], list[Figure]]:
    """Task A without and with the customer."""
    weight = np.exp2(-shelf.ages / 180.0) / np.sqrt(np.maximum(shelf.sizes - 1.0, 1.0))
    weighted = (sp.diags(np.sqrt(weight)) @ shelf.baskets).tocsr()
    popularity = shelf.popularity()
    cosine = _built("cosine", lambda: Cosine(shelf))
    ease = _built("EASE^R", lambda: Ease(shelf, weighted, EASE_BASKETS))
    als = _built("ALS", lambda: Als(shelf.baskets, *ALS_BASKETS))
    targets = [one.targets for one in window.completions]
    personal = np.asarray(np.sqrt(shelf.by_household(90.0).todense()))

    def run(task: str, method: str, ask: Callable[[np.ndarray, int], Floats]) -> Figure:
        lists = []
        for one in window.completions:
            seeds = shelf.columns(one.seeds)
            row = shelf.row.get(one.customer_id, -1)
            lists.append(shelf.best(ask(seeds, row), seeds))
        return _figure(task, method, lists, targets, len(shelf.names))

    def beside(scores: Floats, seeds: np.ndarray, row: int) -> Floats:
        own = np.zeros(len(shelf.names)) if row < 0 else personal[row].copy()
        scores, own[seeds] = scores.copy(), 0.0
        scores[seeds] = 0.0
        return scaled(scores) + scaled(own)

    plain = [
        run("basket", "popularity", lambda _seeds, _row: popularity),
        run("basket", "cosine", lambda seeds, _row: cosine.scores(seeds)),
        run("basket", "ALS", lambda seeds, _row: als.scores(seeds)),
        run("basket", "EASE^R, weighted baskets", lambda seeds, _row: ease.scores(seeds)),
        _ours("basket", [engine.complete(one.seeds, None) for one in window.completions], targets, shelf),
    ]
    known = [
        run("basket with customer", "popularity + personal", lambda seeds, row: beside(popularity * 1e-3, seeds, row)),
        run("basket with customer", "cosine + personal", lambda seeds, row: beside(cosine.scores(seeds), seeds, row)),
        run("basket with customer", "ALS + personal", lambda seeds, row: beside(als.scores(seeds), seeds, row)),
        run("basket with customer", "EASE^R + personal", lambda seeds, row: beside(ease.scores(seeds), seeds, row)),
        _ours(
            "basket with customer",
            [engine.complete(one.seeds, one.customer_id) for one in window.completions],
            targets,
            shelf,
        ),
    ]
    return plain, known


def discovery(window: Window, engine: Engine) -> Figure:
    """Cross-sell: own products are left out of the list, and the product taken away was never bought before."""
    owned: dict[str, set[str]] = {}
    for order in window.train:
        owned.setdefault(order.customer_id or "", set()).update(order.product_ids)
    asked = [one for one in window.completions if not one.targets & owned.get(one.customer_id, set())]
    lists = [engine.discover(one.seeds, one.customer_id) for one in asked]
    return _figure("new products", METHOD, lists, [one.targets for one in asked], len(window.catalogue))


def next_basket(window: Window, engine: Engine, shelf: Shelf) -> list[Figure]:
    """Task B."""
    counts, decayed = shelf.by_household(), shelf.by_household(90.0)
    recent, ever = scaled(shelf.popularity(14.0)), shelf.popularity()
    cosine = _built("cosine, households", lambda: Cosine(shelf, counts))
    soft = np.sqrt(decayed).tocsr()
    ease = _built("EASE^R, households", lambda: Ease(shelf, soft, EASE_HOUSEHOLDS))
    als = _built("ALS, households", lambda: Als(counts, *ALS_HOUSEHOLDS))
    targets = [one.targets for one in window.next_baskets]
    ours = {
        name: [engine.next_basket(one.customer_id, catalog=told) for one in window.next_baskets]
        for name, told in (("Comeback without catalog", False), (METHOD, True))
    }

    def run(method: str, ask: Callable[[int], Floats]) -> Figure:
        lists = [shelf.best(ask(shelf.row[one.customer_id])) for one in window.next_baskets]
        return _figure("next basket", method, lists, targets, len(shelf.names))

    def of(matrix: sp.csr_matrix, row: int) -> Floats:
        return np.asarray(matrix[row].todense()).ravel()

    return [
        run("popularity, 14 days", lambda _row: recent),
        run("personal frequency", lambda row: of(counts, row) + 1e-6 * scaled(ever)),
        run("personal frequency, 90 days", lambda row: of(decayed, row) + 1e-6 * recent),
        run("cosine, households", lambda row: cosine.scores(counts[row].indices)),
        run("ALS, households", lambda row: als.scores(counts[row].indices, counts[row].data)),
        run("EASE^R, households", lambda row: ease.scores(soft[row].indices, soft[row].data)),
        *(_figure("next basket", method, lists, targets, len(shelf.names)) for method, lists in ours.items()),
    ]


def _ours(task: str, lists: list[list[str]], targets: Sequence[frozenset[str]], shelf: Shelf) -> Figure:
    return _figure(task, METHOD, lists, targets, len(shelf.names))


def _figure(task: str, method: str, lists: list[list[str]], targets: Sequence[frozenset[str]], size: int) -> Figure:
    found = figure(task, method, lists, targets, size)
    print(
        f"{task:22} {method:28} R {found.recall:.4f} HR {found.hit_rate:.4f} cov {found.coverage:.3f}", file=sys.stderr
    )
    return found


def _built(name: str, make: Callable[[], Model]) -> Model:
    started = time.perf_counter()
    made = make()
    print(f"{name} built in {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return made
