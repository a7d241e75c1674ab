"""A member's tier from the whole history: for previews, merges, imports and checks of what was done step by step."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

import msgspec

from loyalty.program.tiers import Tiers
from loyalty.standings import Review, Standing
from loyalty.tiers_rules import review, window_of


class Step(msgspec.Struct, frozen=True):
    """A review that moved the standing, and when."""

    at: datetime
    review: Review


def replay(
    tiers: Tiers, changes: Iterable[tuple[datetime, int]], now: datetime, zone: ZoneInfo
) -> tuple[Standing, tuple[Step, ...]]:
    """The standing at ``now`` and every step on the way, whatever order the changes came in.

    ``changes`` are what the basis counts, signed: points earned and clawed back, minor units, orders, or with
    ``balance`` every movement of the balance.
    """
    history = _History(tiers, changes, zone)
    standing = Standing()
    steps: list[Step] = []
    for count, at in enumerate(history.instants, 1):
        if at > now:
            break
        standing = _due(history, standing, count - 1, at, steps)
        if count < len(history.instants) and history.instants[count] == at:
            continue
        standing = _look(history, standing, count, at, steps)
    processed = bisect_right(history.instants, now)
    return _due(history, standing, processed, now, steps), tuple(steps)


class _History:
    def __init__(self, tiers: Tiers, changes: Iterable[tuple[datetime, int]], zone: ZoneInfo) -> None:
        ordered = sorted(changes)
        self.tiers, self.zone = tiers, zone
        self.instants = [at for at, _ in ordered]
        self._sums = [0, *accumulate(change for _, change in ordered)]

    def value(self, count: int, at: datetime) -> int:
        """The basis at ``at``, of the first ``count`` changes."""
        start, _ = window_of(self.tiers, at, self.zone)
        if start is None or self.tiers.basis == "balance":
            return self._sums[count]
        after_start = bisect_left if self.tiers.window in ("calendar_year", "month") else bisect_right
        return self._sums[count] - self._sums[min(count, after_start(self.instants, start))]


def _due(history: _History, standing: Standing, count: int, at: datetime, steps: list[Step]) -> Standing:
    while standing.until is not None and standing.until <= at:
        standing = _look(history, standing, count, standing.until, steps)
    return standing


def _look(history: _History, standing: Standing, count: int, at: datetime, steps: list[Step]) -> Standing:
    found = review(history.tiers, standing, history.value(count, at), at, history.zone)
    if found.standing != standing or found.change != "none":
        steps.append(Step(at, found))
    return found.standing
