"""Why a product is in an answer: counts that a shop can show."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from recommendations.engine.columns import Ints, Longs, first_of_each
from recommendations.engine.community import Together
from recommendations.engine.personal import Own
from recommendations.engine.shop import ShopEngine

SEEDS_SHOWN = 3
Members: TypeAlias = NDArray[np.bool_]  # order × seed
Unions: TypeAlias = dict[tuple[int, ...], int]  # how many orders the rings of some seeds hold together


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
    lines = np.flatnonzero(engine.marks(np.array(products, dtype=np.int64))[together.lines])
    order_of_line = np.searchsorted(np.cumsum(together.lengths), lines, side="right")
    by_product = np.argsort(together.lines[lines], kind="stable")
    having = dict(_groups(together.lines[lines][by_product], order_of_line[by_product]))
    members, place = _membership(engine, together, order_of_line)
    none, unions = np.empty(0, dtype=np.int64), dict[tuple[int, ...], int]()
    found = [members[place[having.get(product, none)]] for product in products]
    return [_shared(engine, together, mine, product, unions) for mine, product in zip(found, products, strict=True)]


def _groups(keys: Ints, values: Longs) -> Iterator[tuple[int, Longs]]:
    """The values of each key; equal keys stand together."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        yield int(keys[start]), values[start:end]


def _shared(engine: ShopEngine, together: Together, members: Members, product: int, unions: Unions) -> Reason:
    """The reason of one product, of which ``members`` are the orders read that it is in."""
    shared = np.count_nonzero(members, axis=0)
    top = tuple(int(seed) for seed in np.argsort(-shared, kind="stable")[:SEEDS_SHOWN] if shared[seed] > 0)
    if not top:
        return Reason()
    names = tuple(engine.products.texts[together.seeds[seed]] for seed in top)
    if top not in unions:
        unions[top] = _distinct(engine, [together.rings[seed] for seed in top])
    support = int(np.count_nonzero(members[:, list(top)].any(axis=1)))
    return _reason(engine, product, names, support, unions[top])


def _distinct(engine: ShopEngine, rings: Sequence[Ints]) -> int:
    """How many orders these rings hold together."""
    if len(rings) == 1:
        return len(rings[0])
    return int(np.count_nonzero(first_of_each(np.concatenate(rings), engine.order_scratch.data)))


def explain_own(engine: ShopEngine, own: Own, basket: Ints) -> Callable[[int], Reason]:
    """What tells of a product the own orders with it, of all own orders; the seeds are the basket's products that were
    in them too.
    """
    order_of_line = np.repeat(np.arange(len(own.slots)), own.lengths)
    inside = engine.marks(basket)[own.lines]
    lines, orders = own.lines[inside], order_of_line[inside]

    def explain(product: int) -> Reason:
        having = order_of_line[own.lines == product]
        with_product = np.zeros(len(own.slots), dtype=np.bool_)
        with_product[having] = True
        counts = Counter(lines[with_product[orders]].tolist())
        shared = sorted(counts, key=lambda row: (-counts[row], engine.products.texts[row]))[:SEEDS_SHOWN]
        names = tuple(engine.products.texts[row] for row in shared)
        return _reason(engine, product, names, len(having), len(own.slots))

    return explain


def explain_popular(engine: ShopEngine, product: int) -> Reason:
    """The orders with the product, of all orders."""
    return _reason(engine, product, (), int(engine.rings.total.data[product]), engine.orders.count)


def _reason(engine: ShopEngine, product: int, seeds: tuple[str, ...], support: int, of: int) -> Reason:
    if not support or not of:
        return Reason(seeds)
    expected = float(engine.rings.total.data[product]) / engine.orders.count
    return Reason(seeds, support, support / of, support / of / expected, of)


def _membership(engine: ShopEngine, together: Together, wanted: Longs) -> tuple[Members, Longs]:
    """Which of the wanted ones of the orders read are in which seed's ring, and the row of each order read."""
    some = np.flatnonzero(np.bincount(wanted, minlength=len(together.orders)))
    row = np.full(len(together.orders), len(some))  # the rest share one more row, which nobody asks for
    row[some] = np.arange(len(some))
    of_slot = engine.order_scratch.data
    of_slot[together.orders] = row
    members = np.zeros((len(some) + 1, len(together.seeds)), dtype=np.bool_)
    each = np.repeat(np.arange(len(together.rings)), [len(ring) for ring in together.rings])
    members[of_slot[np.concatenate(together.rings)], each] = True
    return members, row
