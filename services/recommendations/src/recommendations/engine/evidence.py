"""Why a product is in an answer: counts that a shop can show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import Ints
from recommendations.engine.community import Together
from recommendations.engine.personal import Own
from recommendations.engine.shop import ShopEngine

SEEDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """`support` orders have the product and one of `seeds`; that is `confidence` of the orders with one of the seeds,
    and `lift` times the share the product has of all orders.
    """

    seeds: tuple[str, ...] = ()
    support: int = 0
    confidence: float = 0.0
    lift: float = 0.0
    of: int = 0


def supports(engine: ShopEngine, together: Together) -> Ints:
    """In how many of the orders read each product is."""
    return np.bincount(together.lines, minlength=engine.size).astype(np.int32)


def explain_together(engine: ShopEngine, together: Together, products: Sequence[int]) -> list[Reason]:
    """The reason of each product: the up to three seeds that it was bought with most often."""
    if not products:
        return []
    members = _membership(engine, together)
    which = np.repeat(np.arange(len(together.orders)), together.lengths)
    reasons = []
    for product in products:
        having = np.zeros(len(together.orders), dtype=np.bool_)
        having[which[together.lines == product]] = True
        shared = members[:, having].sum(axis=1)
        top = [int(seed) for seed in np.argsort(-shared, kind="stable")[:SEEDS_SHOWN] if shared[seed] > 0]
        with_seed = members[top].any(axis=0) if top else having
        names = tuple(engine.products.texts[together.seeds[seed]] for seed in top)
        reasons.append(_reason(engine, product, names, int((with_seed & having).sum()), int(with_seed.sum())))
    return reasons


def explain_own(engine: ShopEngine, own: Own, basket: Ints, product: int) -> Reason:
    """Own orders with the product, of all own orders; the seeds are the basket's products that were in them too."""
    which = np.repeat(np.arange(len(own.slots)), own.lengths)
    having = np.unique(which[own.lines == product])
    lines = own.lines[np.isin(which, having)]
    counts = [(int((lines == seed).sum()), seed) for seed in basket.tolist()]
    shared = sorted((count for count in counts if count[0]), key=lambda item: -item[0])[:SEEDS_SHOWN]
    names = tuple(engine.products.texts[seed] for _, seed in shared)
    return _reason(engine, product, names, len(having), len(own.slots))


def explain_popular(engine: ShopEngine, product: int) -> Reason:
    """The orders with the product, of all orders."""
    return _reason(engine, product, (), int(engine.count.data[product]), engine.orders.count)


def _reason(engine: ShopEngine, product: int, seeds: tuple[str, ...], support: int, of: int) -> Reason:
    if not support or not of:
        return Reason(seeds)
    expected = float(engine.count.data[product]) / engine.orders.count
    return Reason(seeds, support, support / of, support / of / expected, of)


def _membership(engine: ShopEngine, together: Together) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which of the orders read are in which seed's ring."""
    place = engine.order_scratch.data
    place[together.orders] = np.arange(len(together.orders))
    members = np.zeros((len(together.seeds), len(together.orders)), dtype=np.bool_)
    for row, ring in enumerate(together.rings):
        members[row, place[ring]] = True
    return members
