"""When a customer needs a product again. Pure; times in seconds since the epoch."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

DAY = 86_400.0
MIN_PURCHASES = 3
DUE_FROM = 0.8  # of the gap: here the window opens, and the customer is told
DUE_UNTIL = 1.2
DROPPED_AFTER = 4.0
State = Literal["early", "due_soon", "overdue", "dropped"]


@dataclass(frozen=True, slots=True)
class Cycle:
    """A product that comes back: bought last at ``last``, usually again after ``gap`` seconds."""

    last: float
    gap: float
    purchases: int
    personal: bool

    @property
    def due(self) -> float:
        return self.last + self.gap

    @property
    def window(self) -> tuple[float, float]:
        """Around the due date: nobody buys by the day."""
        return self.last + DUE_FROM * self.gap, self.last + DUE_UNTIL * self.gap

    def ratio(self, now: float) -> float:
        """Time since the last purchase, in gaps."""
        return (now - self.last) / self.gap

    def state(self, now: float) -> State:
        """Nobody is reminded for ever: after four gaps the customer has moved on."""
        ratio = self.ratio(now)
        if ratio < DUE_FROM:
            return "early"
        if ratio > DROPPED_AFTER:
            return "dropped"
        return "due_soon" if ratio <= 1.0 else "overdue"


def cycle_of(times: Sequence[float], typical_gap: float | None, *, min_purchases: int = MIN_PURCHASES) -> Cycle | None:
    """The cycle of one customer and product from the order times, or None where nobody can tell.

    Personal from ``min_purchases`` purchases on (the median of the gaps); before that the product's ``typical_gap``
    in seconds, where there is one.
    """
    bought = purchases(times)
    if not bought:
        return None
    if len(bought) >= min_purchases:
        return Cycle(bought[-1], statistics.median(gaps(bought)), len(bought), personal=True)
    return None if typical_gap is None else Cycle(bought[-1], typical_gap, len(bought), personal=False)


def purchases(times: Sequence[float]) -> list[float]:
    """Order times in their order; what was ordered within half a day is one purchase."""
    bought: list[float] = []
    for at in sorted(times):
        if not bought or at - bought[-1] > DAY / 2:
            bought.append(at)
    return bought


def gaps(bought: Sequence[float]) -> list[float]:
    """The seconds between purchases."""
    return [later - earlier for earlier, later in pairwise(bought)]


def typical_gap(
    gaps_by_customer: Sequence[float], *, min_buyers: int, lifetime_days: int | None = None
) -> float | None:
    """The product's own gap in seconds: what the shop says, else the median over customers who rebought it, when there
    are at least ``min_buyers`` of them.
    """
    if lifetime_days is not None:
        return lifetime_days * DAY
    return statistics.median(gaps_by_customer) if len(gaps_by_customer) >= min_buyers else None
