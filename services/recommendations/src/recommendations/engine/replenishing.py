"""Cycles of own products, read from the engine."""

import statistics
from collections import defaultdict

import numpy as np

from recommendations.engine.columns import AnyInts, Floats
from recommendations.engine.cycles import Cycle, cycle_of, gaps, purchases, typical_gap
from recommendations.engine.orders import NOBODY
from recommendations.engine.personal import Own
from recommendations.engine.shop import ShopEngine

MIN_BUYERS = 10
LOOKED_AT = 200


class ProductGaps:
    """The usual gap of each product over its customers, computed when asked and kept until it sells again."""

    def __init__(self, engine: ShopEngine, min_buyers: int = MIN_BUYERS) -> None:
        self._engine = engine
        self._min_buyers = min_buyers
        self._known: dict[int, tuple[int, float | None]] = {}

    def of(self, row: int, lifetime_days: int | None = None) -> float | None:
        """Seconds, or None where too few customers rebought the product and the catalog says nothing."""
        if lifetime_days is not None:
            return typical_gap([], min_buyers=self._min_buyers, lifetime_days=lifetime_days)
        count = int(self._engine.rings.total.data[row])
        if int(self._engine.customers.repeaters.data[row]) < self._min_buyers:
            return None
        known = self._known.get(row)
        if known is None or known[0] != count:
            known = self._known[row] = (count, typical_gap(self._gaps(row), min_buyers=self._min_buyers))
        return known[1]

    def _gaps(self, row: int) -> list[float]:
        orders = self._engine.orders
        times: dict[int, list[float]] = defaultdict(list)
        slots = self._engine.rings.newest(row, self._engine.rings.size)
        for owner, at in zip(orders.owner.data[slots].tolist(), orders.at.data[slots].tolist(), strict=True):
            if owner != NOBODY:
                times[owner].append(at)
        bought = [purchases(mine) for mine in times.values()]
        return [statistics.median(gaps(mine)) for mine in bought if len(mine) > 1]


def own_cycles(engine: ShopEngine, own: Own, product_gaps: ProductGaps, lifetimes: dict[int, int]) -> dict[int, Cycle]:
    """The cycle of each own product, by row; the 200 bought most often are looked at."""
    at = np.repeat(engine.orders.at.data[own.slots], own.lengths)
    times: dict[int, list[float]] = defaultdict(list)
    for row, when in zip(own.lines.tolist(), at.tolist(), strict=True):
        times[row].append(when)
    often = sorted(times, key=lambda row: -len(times[row]))[:LOOKED_AT]
    found = {row: cycle_of(times[row], product_gaps.of(row, lifetimes.get(row))) for row in often}
    return {row: cycle for row, cycle in found.items() if cycle is not None}


def due_scores(cycles: dict[int, Cycle], now: float) -> tuple[AnyInts, Floats]:
    """The rows that are due, and how due each is: 1 on the day, less before and after."""
    due = {row: cycle.ratio(now) for row, cycle in cycles.items() if cycle.state(now) in ("due_soon", "overdue")}
    ratios = np.array(list(due.values()), dtype=np.float64)
    return np.array(list(due), dtype=np.int64), np.exp(-np.abs(ratios - 1.0))
