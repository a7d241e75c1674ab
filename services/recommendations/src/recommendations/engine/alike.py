"""What the buyers of a product bought at any time: customers vote, not orders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import Floats, Ints, tally
from recommendations.engine.community import SHRINK, ring_part
from recommendations.engine.evidence import Reason
from recommendations.engine.orders import NOBODY, decayed
from recommendations.engine.shop import ShopEngine

BUYERS = 250
ORDERS_EACH = 10


@dataclass(frozen=True, slots=True)
class Buyers:
    """The newest buyers of the seeds (at most 250), with the last 10 orders of each."""

    engine: ShopEngine
    seeds: Ints
    values: Floats
    supports: Ints
    count: int

    def explain(self, products: Sequence[int]) -> list[Reason]:
        """Buyers of the product among those of the seeds; lift against its share of all customers."""
        names = tuple(self.engine.products.texts[seed] for seed in self.seeds.tolist()[:3])
        everyone = max(len(self.engine.customers.names), 1)
        reasons = []
        for product in products:
            support = int(self.supports[product])
            share = support / max(self.count, 1)
            expected = float(self.engine.customers.buyers.data[product]) / everyone
            reasons.append(Reason(names, support, share, share / expected if expected else 0.0, self.count))
        return reasons


def of_buyers(engine: ShopEngine, seeds: Ints, now: float) -> Buyers:
    """Each buyer votes once for each product, the less the more products that buyer has; softened by popularity."""
    buyers = _newest_buyers(engine, seeds)
    if not buyers:
        none = np.zeros(engine.size)
        return Buyers(engine, seeds, none, none.astype(np.int32), 0)
    own = [engine.customers.own(owner)[-ORDERS_EACH:] for owner in buyers]
    lines, lengths = engine.orders.lines(np.concatenate(own))
    buyer_of_order = np.repeat(np.arange(len(own)), [len(slots) for slots in own])
    pairs = np.sort(np.repeat(buyer_of_order, lengths) * engine.size + lines)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # several times faster than np.unique, which hashes
    buyer, lines = np.divmod(pairs, engine.size)
    size = np.bincount(buyer, minlength=len(own))
    weights = decayed(np.array(list(buyers.values())), now, 180.0) / np.sqrt(np.maximum(size - 1, 1))
    values = tally(lines, weights[buyer], engine.size)
    supports = np.bincount(lines, minlength=engine.size).astype(np.int32)
    values[seeds] = 0.0
    some = np.flatnonzero(values)
    values[some] *= (engine.customers.buyers.data[some] + SHRINK) ** -0.4
    return Buyers(engine, seeds, values, supports, len(buyers))


def _newest_buyers(engine: ShopEngine, seeds: Ints) -> dict[int, float]:
    """The customers of the newest orders with a seed, with the time of the newest of them."""
    part = ring_part(engine, len(seeds))
    owner, at = engine.orders.owner.data, engine.orders.at.data
    newest: dict[int, float] = {}
    slots = [slot for seed in seeds.tolist() for slot in engine.rings.newest(seed, part).tolist()]
    for slot in sorted(slots, key=lambda slot: -at[slot]):
        number = int(owner[slot])
        if number != NOBODY and number not in newest and len(newest) < BUYERS:
            newest[number] = float(at[slot])
    return newest
