"""Per product the running decayed sums over its orders; they stay right when orders are taken back."""

from typing import Any, Final

import numpy as np

from recommendations.engine.columns import AnyInts, Column, tally
from recommendations.engine.decay import Clockwork
from recommendations.engine.orders import Orders
from recommendations.engine.rings import Rings

SHORTEST: Final = 14.0  # days; the shortest half-life of a running sum
LONG: Final = 180.0
# A rounding is 1e-16 of the sum as it was, so 1e-13 of a thousandth that is left of it: with less the twelve digits
# that ranking looks at would be wrong. In the 14-day sum less is left where the orders taken back are 140 days newer
# than the rest, or a thousand times as many.
LEAST_LEFT: Final = 1e-3
_TINY: Final = 1e-300


class Sums:
    """The sums of forward weights of every product.

    An order taken back is subtracted, and the rounding errors of before stay: where next to nothing is left, they would
    be the sum. So how much all removals together left of a product's sums is kept beside them, and when it is too
    little they are made anew of the orders. That reads the product's ring; all lines, where the ring does not hold
    all orders.
    """

    def __init__(self, orders: Orders, rings: Rings, clock: Clockwork) -> None:
        self.weight: Column[np.float64] = Column(np.float64)  # 180 days, large baskets count less
        self.recent14: Column[np.float64] = Column(np.float64)
        self.recent180: Column[np.float64] = Column(np.float64)
        self._sums = (self.weight, self.recent14, self.recent180)
        self._left: Column[np.float64] = Column(np.float64, fill=1.0)
        self._orders = orders
        self._rings = rings
        self._clock = clock

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """What has a row for every product."""
        return *self._sums, self._left

    def insert(self, products: AnyInts, slot: int) -> None:
        """Add one order, whose weights are set."""
        weight, recent14, recent180 = self._parts(slot)
        self.weight.data[products] += weight
        self.recent14.data[products] += recent14
        self.recent180.data[products] += recent180

    def remove(self, products: AnyInts, slot: int) -> None:
        """Subtract one order; call it while the order is still in `Orders`, and in the rings no more."""
        left = self._left.data[products]
        least = np.ones(len(products))
        for column, part in zip(self._sums, self._parts(slot), strict=True):
            before = column.data[products]
            column.data[products] = after = before - part
            np.minimum(least, after / np.maximum(before, _TINY), out=least)
        self._left.data[products] = left = left * least
        spoiled = products[left < LEAST_LEFT]
        if len(spoiled):
            self._renew(spoiled, slot)

    def rebase(self, landmark: float) -> None:
        """Make the sums those of another landmark; call it before the clock has it."""
        self.weight.data *= self._clock.shrink(landmark, LONG)
        self.recent14.data *= self._clock.shrink(landmark, SHORTEST)
        self.recent180.data *= self._clock.shrink(landmark, LONG)

    def _parts(self, slot: int) -> tuple[float, float, float]:
        """What one order adds to each of the sums."""
        at, grow = float(self._orders.at.data[slot]), self._clock.growth
        return float(self._orders.weight180.data[slot]), grow(at, SHORTEST), grow(at, LONG)

    def _renew(self, products: AnyInts, without: int) -> None:
        """Make the sums of these products anew of all their orders but one: mostly of none, it was the last one."""
        for column in self._sums:
            column.data[products] = 0.0
        self._left.data[products] = 1.0
        sold = products[self._rings.total.data[products] > 0]
        if len(sold):
            self._add_up(sold, without)

    def _add_up(self, products: AnyInts, without: int) -> None:
        found = [self._rings.every(product, without) for product in products.tolist()]
        slots = np.concatenate(found)
        which = np.repeat(np.arange(len(found)), [len(each) for each in found])
        at = self._orders.at.data[slots]
        parts = (
            self._orders.weight180.data[slots],
            self._clock.growths(at, SHORTEST),
            self._clock.growths(at, LONG),
        )
        for column, part in zip(self._sums, parts, strict=True):
            column.data[products] = tally(which, part, len(found))
