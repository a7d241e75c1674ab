"""Scores from counted answers. Pure: no I/O, exact fractions inside, rounded once at the way out.

Every score comes with its number of answers and a 95 % interval: 8 of 10 and 800 of 1,000 are not the same news.
Definitions (version 1; the version is answered with every number):

- NPS: promoters 9–10, passives 7–8, detractors 0–6; 100 · (promoters − detractors) / n. Interval: adjusted Wald (¾ of
  an answer added to both ends, 3 to n), which stays honest where all answers agree.
- CSAT: the share of satisfied answers (the top of the question's scale, fixed with the answer). Interval: Wilson.
- CES: the mean of 1–7, high is easy. Interval: adjusted Wald with the same three answers added (¾ at 1 and 7, 1½ at 4).

n counts people who answered the question; who saw it and left it out is ``skipped`` and never in n. Without an answer a
score is None, not 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Final, Literal

DEFINITION_VERSION: Final = 1
LEVEL: Final = 0.95
Z: Final = NormalDist().inv_cdf((1 + LEVEL) / 2)
CES_SCALE: Final = 7
TOP_BOX: Final[Mapping[int, int]] = {3: 3, 4: 3, 5: 4, 6: 5, 7: 6, 10: 8}
"""The lowest satisfied answer of a CSAT scale that says nothing else: the top 1 of 3, 2 of 4–7, 3 of 10."""

Band = Literal["promoter", "passive", "detractor"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the score of everybody who might have answered lies, at 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Nps:
    """A Net Promoter Score, −100 to 100; ``rounded`` is the whole number for a headline, from the exact value."""

    n: int
    promoters: int
    passives: int
    detractors: int
    score: float | None
    rounded: int | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Csat:
    """The share of satisfied answers in percent."""

    n: int
    satisfied: int
    score: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Ces:
    """The mean effort score, 1 (hard) to 7 (easy)."""

    n: int
    score: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Change:
    """How an NPS moved between two periods, with the half width of its interval; ``same`` when that holds 0."""

    difference: float
    margin: float
    verdict: Literal["up", "down", "same"]


def round_half_away(value: Fraction | float, digits: int = 0) -> float:
    """Round to ``digits`` decimals; a half goes away from zero (12.5 → 13, −12.5 → −13)."""
    factor = int(10**digits)
    exact = Fraction(value)
    size = math.floor(abs(exact) * factor + Fraction(1, 2))
    return (-size if exact < 0 else size) / factor


def band(value: int) -> Band:
    """The NPS band of an answer from 0 to 10."""
    if value >= 9:
        return "promoter"
    return "passive" if value >= 7 else "detractor"


def nps(counts: Mapping[int, int]) -> Nps:
    """The score of answers 0–10, counted by value."""
    bands = dict.fromkeys(("promoter", "passive", "detractor"), 0)
    for value, count in counts.items():
        bands[band(value)] += count
    return nps_of_bands(bands["promoter"], bands["passive"], bands["detractor"])


def nps_of_bands(promoters: int, passives: int, detractors: int) -> Nps:
    """The score of counted bands."""
    n = promoters + passives + detractors
    if n == 0:
        return Nps(0, 0, 0, 0, None, None, None)
    exact = Fraction(100 * (promoters - detractors), n)
    center, spread = _adjusted_wald(promoters, detractors, n)
    margin = Z * spread
    interval = Interval(
        low=round_half_away(max(-100.0, 100 * (center - margin)), 1),
        high=round_half_away(min(100.0, 100 * (center + margin)), 1),
    )
    score = round_half_away(exact, 1)
    return Nps(n, promoters, passives, detractors, score, int(round_half_away(exact)), interval)


def _adjusted_wald(promoters: int, detractors: int, n: int) -> tuple[float, float]:
    size = n + 3
    up, down = (promoters + 0.75) / size, (detractors + 0.75) / size
    center = up - down
    return center, math.sqrt((up + down - center**2) / size)


def nps_change(before: Nps, after: Nps) -> Change | None:
    """Whether the score moved more than chance explains; None where one period has no answer."""
    if before.n == 0 or after.n == 0:
        return None
    center_before, spread_before = _adjusted_wald(before.promoters, before.detractors, before.n)
    center_after, spread_after = _adjusted_wald(after.promoters, after.detractors, after.n)
    difference = 100 * (center_after - center_before)
    margin = 100 * Z * math.hypot(spread_before, spread_after)
    verdict: Literal["up", "down", "same"] = "same"
    if abs(difference) > margin:
        verdict = "up" if difference > 0 else "down"
    return Change(round_half_away(difference, 1), round_half_away(margin, 1), verdict)


def csat(satisfied: int, n: int) -> Csat:
    """The score of ``satisfied`` among ``n`` answers."""
    if n == 0:
        return Csat(0, 0, None, None)
    low, high = wilson(satisfied, n)
    interval = Interval(round_half_away(100 * low, 1), round_half_away(100 * high, 1))
    return Csat(n, satisfied, round_half_away(Fraction(100 * satisfied, n), 2), interval)


def wilson(part: int, n: int) -> tuple[float, float]:
    """The Wilson interval of a share, 0 to 1. ``n`` is at least 1."""
    share = part / n
    scale = 1 + Z**2 / n
    center = (share + Z**2 / (2 * n)) / scale
    margin = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / scale
    return max(0.0, center - margin), min(1.0, center + margin)


def ces(counts: Mapping[int, int]) -> Ces:
    """The mean of answers 1–7, counted by value."""
    n = sum(counts.values())
    if n == 0:
        return Ces(0, None, None)
    total = sum(value * count for value, count in counts.items())
    middle = Fraction(1 + CES_SCALE, 2)
    weights = {Fraction(value): Fraction(count) for value, count in counts.items()}
    for value, added in ((Fraction(1), 0.75), (middle, 1.5), (Fraction(CES_SCALE), 0.75)):
        weights[value] = weights.get(value, Fraction(0)) + Fraction(added)
    size = sum(weights.values())
    center = sum((value * weight for value, weight in weights.items()), Fraction(0)) / size
    square = sum((value**2 * weight for value, weight in weights.items()), Fraction(0)) / size
    margin = Z * math.sqrt((square - center**2) / size)
    mean = total / n  # of very few equal answers it may lie outside; the interval is then widened to it
    interval = Interval(
        low=round_half_away(max(1.0, min(mean, float(center) - margin)), 2),
        high=round_half_away(min(float(CES_SCALE), max(mean, float(center) + margin)), 2),
    )
    return Ces(n, round_half_away(Fraction(total, n), 2), interval)


def rate(part: int, whole: int) -> float | None:
    """A share in percent with two decimals (answered of sent); None of nothing."""
    return None if whole == 0 else round_half_away(Fraction(100 * part, whole), 2)
