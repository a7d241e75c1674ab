"""What sells at all."""

import math

import numpy as np

from recommendations.engine.columns import Floats, tally
from recommendations.engine.orders import GONE, decayed
from recommendations.engine.shop import ShopEngine
from recommendations.engine.sums import SHORTEST


def trending(engine: ShopEngine, now: float, half_life_days: float = SHORTEST) -> Floats:
    """Orders of every product, each counting 2^(-age/half-life); an infinite half-life counts them all alike.

    The half-lives 14 and infinity cost nothing; any other reads every line once.
    """
    if math.isinf(half_life_days):
        return engine.rings.total.data[: engine.size].astype(np.float64)
    if half_life_days == SHORTEST:
        result: Floats = engine.sums.recent14.data[: engine.size] * engine.clock.shrink(now, SHORTEST)
        return result
    orders = engine.orders
    pool = orders.pool.data[: orders.pool.size]
    weight = np.repeat(decayed(orders.at.data[: orders.slots_made], now, half_life_days), orders.rooms())
    live = pool != GONE
    return tally(pool[live], weight[live], engine.size)
