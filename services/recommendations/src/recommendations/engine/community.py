"""What other orders say: products that were bought together with the given ones."""

from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import Floats, Ints, first_of_each, tally
from recommendations.engine.shop import ShopEngine

SHRINK = 10.0
SEED_POWER = 0.5
OVERLAP_POWER = 1.75
BUDGET = 8000  # orders that one read looks at, over all seeds
TOP = 30


@dataclass(frozen=True, slots=True)
class Together:
    """The orders that were read for some seeds, and the score they give to every product.

    `values` is by product row, 0 for the seeds themselves; `orders` are distinct slots, `rings` the part read of each
    seed's ring in the order of `seeds`.
    """

    values: Floats
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
    lines, lengths = engine.orders.lines(ring)
    shrink = engine.clock.shrink(now, 180.0)
    weights = np.repeat(engine.orders.weight180.data[ring] * shrink, lengths)
    values = tally(lines, weights, engine.size)
    values[seed] = 0.0
    own = float(engine.weight.data[seed]) * shrink
    _soften(engine, values, shrink, 0.4)
    values /= (own + SHRINK) ** 0.8
    return Together(values, np.array([seed], dtype=np.int32), (ring,), ring, lines, lengths)


def of_basket(engine: ShopEngine, seeds: Ints, now: float, *, beta: float) -> Together:
    """The overlap score of a basket: an order counts by how many of the basket's rarer products it shares, to the
    power 1.75; divided by the mean of the 30 largest.
    """
    rings, orders, overlap = overlapping(engine, seeds, seed_weights(engine, seeds, now))
    lines, lengths = engine.orders.lines(orders)
    votes = engine.orders.weight365.data[orders] * overlap**OVERLAP_POWER
    values = tally(lines, np.repeat(votes, lengths), engine.size)
    values[seeds] = 0.0
    _soften(engine, values, engine.clock.shrink(now, 180.0), beta)
    normalize(values)
    return Together(values, seeds, rings, orders, lines, lengths)


def of_history(engine: ShopEngine, seeds: Ints, weights: Floats, now: float) -> Together:
    """The same with weighted seeds that stay in the answer: what goes with all that a customer bought."""
    rings, orders, overlap = overlapping(engine, seeds, seed_weights(engine, seeds, now) * weights)
    lines, lengths = engine.orders.lines(orders)
    votes = engine.orders.weight365.data[orders] * overlap
    values = tally(lines, np.repeat(votes, lengths), engine.size)
    _soften(engine, values, engine.clock.shrink(now, 180.0), 0.4)
    normalize(values)
    return Together(values, seeds, rings, orders, lines, lengths)


def ring_part(engine: ShopEngine, seeds: int) -> int:
    """How many of the newest orders of each seed one read looks at."""
    return min(engine.rings.size, max(50, BUDGET // max(seeds, 1)))


def seed_weights(engine: ShopEngine, seeds: Ints, now: float) -> Floats:
    """(W + s)^-.5 of each seed over the part of its ring that is read: a rare product tells more."""
    part, shrink = ring_part(engine, len(seeds)), engine.clock.shrink(now, 180.0)
    weight = engine.orders.weight180.data
    sums = [float(weight[engine.rings.newest(seed, part)].sum()) for seed in seeds.tolist()]
    result: Floats = (np.array(sums) * shrink + SHRINK) ** -SEED_POWER
    return result


def overlapping(engine: ShopEngine, seeds: Ints, weights: Floats) -> tuple[tuple[Ints, ...], Ints, Floats]:
    """Each seed's ring, the distinct orders of all rings, and the summed weight of the seeds in each order."""
    part = ring_part(engine, len(seeds))
    rings = tuple(engine.rings.newest(seed, part) for seed in seeds.tolist())
    if not rings:
        return (), np.empty(0, dtype=np.int32), np.empty(0)
    found = np.concatenate(rings)
    orders = found[first_of_each(found, engine.order_scratch.data)]
    place = engine.order_scratch.data
    place[orders] = np.arange(len(orders))
    each = np.repeat(weights, [len(ring) for ring in rings])
    return rings, orders, tally(place[found], each, len(orders))


def normalize(values: Floats) -> None:
    """Divide by the mean of the 30 largest, of which missing ones count 0."""
    positive = values[values > 0.0]
    largest = np.partition(positive, -TOP)[-TOP:] if len(positive) > TOP else positive
    total = float(largest.sum())
    if total > 0.0:
        values /= total / TOP


def _soften(engine: ShopEngine, values: Floats, shrink: float, power: float) -> None:
    """Divide by (W + s)^power: a product that everybody buys is no news."""
    some = np.flatnonzero(values)
    values[some] *= (engine.weight.data[some] * shrink + SHRINK) ** -power
