"""Forward decay: a weight is written once and never touched as time goes by.

The weight of an event at time t is 2^((t - landmark) / half-life), and a read divides by the same power of now. So
sums of weights stay right for ever, and every ratio of them needs no time at all.
"""

import math
from dataclasses import dataclass

import numpy as np

from recommendations.engine.columns import Floats

DAY = 86_400.0
# A double holds 2^±1023. With the shortest half-life of 14 days a landmark is good for 19 years either way.
REBASE_AT = 500.0


@dataclass(slots=True)
class Clockwork:
    """The common landmark of all forward-decayed sums of one engine."""

    landmark: float | None = None

    def growth(self, at: float, half_life_days: float) -> float:
        """The forward weight of an event at `at`."""
        if self.landmark is None:
            self.landmark = at
        exponent = (at - self.landmark) / (half_life_days * DAY)
        return math.exp2(exponent) if exponent > -REBASE_AT * 2 else 0.0

    def growths(self, at: Floats, half_life_days: float) -> Floats:
        """The forward weights of many events, of which `growth` was asked before."""
        exponents = (at - (self.landmark or 0.0)) / (half_life_days * DAY)
        return np.where(exponents > -REBASE_AT * 2, np.exp2(exponents), 0.0)

    def shrink(self, now: float, half_life_days: float) -> float:
        """What a sum of forward weights is multiplied with to be a decayed sum at `now`."""
        if self.landmark is None:
            return 1.0
        exponent = (self.landmark - now) / (half_life_days * DAY)
        return math.exp2(min(exponent, REBASE_AT * 2))

    def must_rebase(self, at: float, shortest_days: float) -> bool:
        return self.landmark is not None and (at - self.landmark) / (shortest_days * DAY) > REBASE_AT
