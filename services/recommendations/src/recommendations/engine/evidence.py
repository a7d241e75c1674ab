"""Why a product is in an answer: counts that a shop can show."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from recommendations.engine.columns import Ints, Longs
from recommendations.engine.community import Together
from recommendations.engine.personal import Own
from recommendations.engine.shop import ShopEngine

SEEDS_SHOWN = 3
Members: TypeAlias = NDArray[np.bool_]  # order × seed


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
    lines = np.flatnonzero(engine.marks(np.array(products, dtype=np.int64))[together.lines])
    order_of_line = np.searchsorted(np.cumsum(together.lengths), lines, side="right")
    by_product = np.argsort(together.lines[lines], kind="stable")
    having = dict(_groups(together.lines[lines][by_product], order_of_line[by_product]))
    none = np.empty(0, dtype=np.int64)
    return [_shared(engine, together, members, product, having.get(product, none)) for product in products]


def _groups(keys: Ints, values: Longs) -> Iterator[tuple[int, Longs]]:
    """The values of each key; equal keys stand together."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        yield int(keys[start]), values[start:end]


def _shared(engine: ShopEngine, together: Together, members: Members, product: int, having: Longs) -> Reason:
    """The reason of one product that is in the orders ``having`` of those read."""
    shared = np.count_nonzero(members[having], axis=0)
    top = [int(seed) for seed in np.argsort(-shared, kind="stable")[:SEEDS_SHOWN] if shared[seed] > 0]
    if not top:
        return Reason()
    names = tuple(engine.products.texts[together.seeds[seed]] for seed in top)
    with_seed = members[:, top[0]]
    for seed in top[1:]:
        with_seed = with_seed | members[:, seed]
    support = int(np.count_nonzero(with_seed[having]))
    return _reason(engine, product, names, support, int(np.count_nonzero(with_seed)))


def explain_own(engine: ShopEngine, own: Own, basket: Ints, product: int) -> Reason:
    """Own orders with the product, of all own orders; the seeds are the basket's products that were in them too."""
    orders = own.with_product(product)
    inside = set(basket.tolist())
    counts = Counter(row for order in orders for row in order.tolist() if row in inside)
    shared = sorted(counts, key=lambda row: (-counts[row], engine.products.texts[row]))[:SEEDS_SHOWN]
    return _reason(engine, product, tuple(engine.products.texts[row] for row in shared), len(orders), len(own.slots))


def explain_popular(engine: ShopEngine, product: int) -> Reason:
    """The orders with the product, of all orders."""
    return _reason(engine, product, (), int(engine.count.data[product]), engine.orders.count)


def _reason(engine: ShopEngine, product: int, seeds: tuple[str, ...], support: int, of: int) -> Reason:
    if not support or not of:
        return Reason(seeds)
    expected = float(engine.count.data[product]) / engine.orders.count
    return Reason(seeds, support, support / of, support / of / expected, of)


def _membership(engine: ShopEngine, together: Together) -> Members:
    """Which of the orders read are in which seed's ring."""
    place = engine.order_scratch.data
    place[together.orders] = np.arange(len(together.orders))
    members = np.zeros((len(together.orders), len(together.seeds)), dtype=np.bool_)
    for seed, ring in enumerate(together.rings):
        members[place[ring], seed] = True
    return members
