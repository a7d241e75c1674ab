"""What other orders say: products that were bought together with the given ones."""

from dataclasses import dataclass, replace

import numpy as np

from recommendations.engine.columns import Floats, Ints, Longs, first_of_each, tally
from recommendations.engine.shop import ShopEngine

SHRINK = 10.0
SEED_POWER = 0.5
OVERLAP_POWER = 1.75
BUDGET = 8000  # orders that one read looks at, over all seeds
TOP = 30


@dataclass(frozen=True, slots=True)
class Together:
    """The orders that were read for some seeds, and the scores they give.

    `rows` are the products with a score, ascending, `scores` theirs; `orders` are distinct slots, with their products
    one after another in `lines`; `rings` is the part read of each seed's ring, in the order of `seeds`.
    """

    rows: Longs
    scores: Floats
    seeds: Ints
    rings: tuple[Ints, ...]
    orders: Ints
    lines: Ints
    lengths: Ints


def of_one(engine: ShopEngine, seed: int, now: float) -> Together:
    """The linear score of a single product: C_ij / ((W_i + s)^.8 (W_j + s)^.4), C_ij the decayed weight of the orders
    with both, W that of all orders with one; half-life 180 days.
    """
    ring = engine.rings.newest(seed, engine.rings.size)
    shrink = engine.clock.shrink(now, 180.0)
    seeds = np.array([seed], dtype=np.int32)
    votes = engine.orders.weight180.data[ring] * shrink
    found = _count(engine, seeds, (ring,), ring, votes, own=False)
    own = float(engine.sums.weight.data[seed]) * shrink
    return replace(found, scores=_soft(engine, found, shrink, 0.4) * (own + SHRINK) ** -0.8)


def of_basket(engine: ShopEngine, seeds: Ints, now: float, *, beta: float) -> Together:
    """The overlap score of a basket: an order counts by how many of the basket's rarer products it shares, to the
    power 1.75; divided by the mean of the 30 largest.
    """
    rings, orders, overlap = overlapping(engine, seeds, now)
    votes = engine.orders.weight365.data[orders] * overlap**OVERLAP_POWER
    found = _count(engine, seeds, rings, orders, votes, own=False)
    return _normalized(engine, found, now, beta)


def of_history(engine: ShopEngine, seeds: Ints, weights: Floats, now: float) -> Together:
    """The same with weighted seeds that stay in the answer: what goes with all that a customer bought."""
    rings, orders, overlap = overlapping(engine, seeds, now, weights)
    votes = engine.orders.weight365.data[orders] * overlap
    return _normalized(engine, _count(engine, seeds, rings, orders, votes, own=True), now, 0.4)


def ring_part(engine: ShopEngine, seeds: int) -> int:
    """How many of the newest orders of each seed one read looks at."""
    return min(engine.rings.size, max(50, BUDGET // max(seeds, 1)))


def overlapping(
    engine: ShopEngine, seeds: Ints, now: float, weights: Floats | None = None
) -> tuple[tuple[Ints, ...], Ints, Floats]:
    """Each seed's ring, the distinct orders of all rings, and the summed weight of the seeds in each order.

    A seed weighs (W + s)^-.5 over the part of its ring that is read, as a rare product tells more; times its one of
    ``weights`` where there are any.
    """
    part = ring_part(engine, len(seeds))
    rings = tuple(engine.rings.newest(seed, part) for seed in seeds.tolist())
    if not rings:
        return (), np.empty(0, dtype=np.int32), np.empty(0)
    found = np.concatenate(rings)
    seed_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    sums = tally(seed_of, engine.orders.weight180.data[found], len(rings))
    each = (sums * engine.clock.shrink(now, 180.0) + SHRINK) ** -SEED_POWER
    if weights is not None:
        each = each * weights
    place = engine.order_scratch.data
    orders = found[first_of_each(found, place)]
    place[orders] = np.arange(len(orders))
    return rings, orders, tally(place[found], each[seed_of], len(orders))


def top_mean(values: Floats) -> float:
    """The mean of the 30 largest, of which missing ones count 0."""
    largest = np.partition(values, -TOP)[-TOP:] if len(values) > TOP else values
    return float(largest.sum()) / TOP


def _count(
    engine: ShopEngine, seeds: Ints, rings: tuple[Ints, ...], orders: Ints, votes: Floats, *, own: bool
) -> Together:
    """The summed votes of the orders for every product in them; ``own``: for the seeds too."""
    lines, lengths = engine.orders.lines(orders)
    values = tally(lines, np.repeat(votes, lengths), engine.size)
    if not own:
        values[seeds] = 0.0
    rows = np.flatnonzero(values > 0.0)  # from here on the rest of a large catalog costs nothing
    return Together(rows, values[rows], seeds, rings, orders, lines, lengths)


def _soft(engine: ShopEngine, found: Together, shrink: float, power: float) -> Floats:
    """The scores over (W + s)^power: a product that everybody buys is no news."""
    weight = engine.sums.weight.data[found.rows] * shrink + SHRINK
    return found.scores * np.exp(-power * np.log(weight))


def _normalized(engine: ShopEngine, found: Together, now: float, power: float) -> Together:
    soft = _soft(engine, found, engine.clock.shrink(now, 180.0), power)
    return replace(found, scores=soft / (top_mean(soft) or 1.0))
