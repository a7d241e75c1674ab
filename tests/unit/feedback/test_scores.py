"""Scores: the worked examples of cases/feedback.md section A, and laws that hold for any answers."""

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback import scores
from feedback.scores import Interval

COUNTS = st.dictionaries(st.integers(0, 10), st.integers(1, 500), max_size=11)
BANDS = st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000)).filter(any)


@dataclass(frozen=True)
class NpsCase:
    answers: list[int]
    bands: tuple[int, int, int]
    score: float | None
    interval: Interval | None


NPS_CASES = {
    "A1": NpsCase([10, 9, 9, 8, 7, 6, 0, 10, 9, 3], (5, 2, 3), 20.0, Interval(-30.3, 61.1)),
    "A2": NpsCase([10] * 5 + [8] * 3 + [0] * 2, (5, 3, 2), 30.0, Interval(-19.1, 65.2)),
    "A3": NpsCase([10] * 10, (10, 0, 0), 100.0, Interval(47.5, 100.0)),
    "A4": NpsCase([], (0, 0, 0), None, None),
}


@pytest.mark.parametrize("case", NPS_CASES.values(), ids=NPS_CASES)
def test_nps_of_worked_examples(case: NpsCase) -> None:
    found = scores.nps(Counter(case.answers))
    assert (found.promoters, found.passives, found.detractors) == case.bands
    assert (found.n, found.score, found.interval) == (len(case.answers), case.score, case.interval)


@pytest.mark.parametrize(
    ("bands", "low", "high"), [((50, 30, 20), 14.1, 44.2), ((500, 300, 200), 25.1, 34.7)], ids=["n=100", "n=1000"]
)
def test_the_interval_narrows_with_answers(bands: tuple[int, int, int], low: float, high: float) -> None:
    assert scores.nps_of_bands(*bands).interval == Interval(low, high)


@pytest.mark.parametrize(("value", "rounded"), [(-12.5, -13), (12.5, 13), (37.5, 38), (0.5, 1), (-0.5, -1), (0, 0)])
def test_a6_a_half_goes_away_from_zero(value: float, rounded: int) -> None:
    assert scores.round_half_away(value) == rounded


@pytest.mark.parametrize(("bands", "rounded"), [((1, 5, 2), -13), ((2, 5, 1), 13), ((5, 1, 2), 38)])
def test_a6_the_whole_number_comes_from_the_exact_score(bands: tuple[int, int, int], rounded: int) -> None:
    assert scores.nps_of_bands(*bands).rounded == rounded


CSAT_CASES = {
    "A8": (7, 10, 70.0, None),
    "A10 8 of 10": (8, 10, 80.0, Interval(49.0, 94.3)),
    "A10 0 of 5": (0, 5, 0.0, Interval(0.0, 43.4)),
    "A10 5 of 5": (5, 5, 100.0, Interval(56.6, 100.0)),
    "A11": (7, 9, 77.78, None),
}


@pytest.mark.parametrize(("satisfied", "n", "score", "interval"), CSAT_CASES.values(), ids=CSAT_CASES)
def test_csat_of_worked_examples(satisfied: int, n: int, score: float, interval: Interval | None) -> None:
    found = scores.csat(satisfied, n)
    assert (found.score, found.satisfied, found.n) == (score, satisfied, n)
    assert interval is None or found.interval == interval


def test_a8_the_top_two_of_five_are_satisfied() -> None:
    answers = [5, 4, 4, 3, 5, 2, 5, 4, 1, 5]
    assert sum(answer >= scores.TOP_BOX[5] for answer in answers) == 7


@pytest.mark.parametrize(("scale", "top"), [(3, 1), (4, 2), (5, 2), (6, 2), (7, 2), (10, 3)])
def test_the_top_box_of_each_scale(scale: int, top: int) -> None:
    assert scale - scores.TOP_BOX[scale] + 1 == top


@pytest.mark.parametrize(
    ("answered", "sent", "rate"), [(9, 60, 15.0), (482, 2864, 16.83), (0, 7, 0.0)], ids=["A11", "A13", "none"]
)
def test_response_rates_are_rounded_not_cut(answered: int, sent: int, rate: float) -> None:
    assert scores.rate(answered, sent) == rate


def test_a4_nothing_has_no_score_and_no_rate() -> None:
    assert scores.csat(0, 0).score is None
    assert scores.ces({}).score is None
    assert scores.rate(0, 0) is None


CHANGES = {
    "A14 n=100": ((50, 30, 20), (60, 25, 15), 14.6, 20.8, "same"),
    "A14 n=1000": ((500, 300, 200), (600, 250, 150), 15.0, 6.7, "up"),
    "A14 down": ((600, 250, 150), (500, 300, 200), -15.0, 6.7, "down"),
}


@pytest.mark.parametrize(("before", "after", "difference", "margin", "verdict"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_from_chance(
    before: tuple[int, int, int], after: tuple[int, int, int], difference: float, margin: float, verdict: str
) -> None:
    found = scores.nps_change(scores.nps_of_bands(*before), scores.nps_of_bands(*after))
    assert found is not None
    assert (found.difference, found.margin, found.verdict) == (difference, margin, verdict)


def test_a_period_without_answers_has_no_change() -> None:
    assert scores.nps_change(scores.nps({}), scores.nps({9: 1})) is None


def test_ces_is_the_mean_and_narrow_answers_have_no_false_certainty() -> None:
    assert scores.ces({1: 1, 4: 2, 7: 1}).score == 4.0
    alone = scores.ces({7: 1})
    assert alone.score == 7.0
    assert alone.interval is not None
    assert alone.interval.low < 4


@given(COUNTS)
def test_an_nps_is_its_definition_and_its_interval_is_inside_the_scale(counts: dict[int, int]) -> None:
    found = scores.nps(counts)
    n = sum(counts.values())
    assert found.n == n == found.promoters + found.passives + found.detractors
    if n == 0:
        assert found.score is None
        return
    assert found.score is not None
    assert found.interval is not None
    exact = 100 * Fraction(found.promoters - found.detractors, n)
    assert abs(Fraction(found.score) - exact) <= Fraction(1, 20) + Fraction(1, 10**9)
    assert -100 <= found.interval.low <= found.interval.high <= 100


@given(BANDS)
def test_mirrored_answers_have_the_mirrored_score(bands: tuple[int, int, int]) -> None:
    promoters, passives, detractors = bands
    one = scores.nps_of_bands(promoters, passives, detractors)
    other = scores.nps_of_bands(detractors, passives, promoters)
    assert one.score is not None
    assert other.score == -one.score
    assert one.rounded is not None
    assert other.rounded == -one.rounded
    assert one.interval is not None
    assert other.interval == Interval(-one.interval.high, -one.interval.low)


@given(BANDS)
def test_ten_times_the_answers_make_a_narrower_interval(bands: tuple[int, int, int]) -> None:
    few = scores.nps_of_bands(*bands).interval
    many = scores.nps_of_bands(*(10 * count for count in bands)).interval
    assert few is not None
    assert many is not None
    assert many.high - many.low <= few.high - few.low


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_wilson_interval_holds_the_share_and_solves_its_equation(pair: tuple[int, int]) -> None:
    satisfied, n = pair
    low, high = scores.wilson(satisfied, n)
    share = satisfied / n
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    for end in (low, high):
        # |p − share| = z·√(p(1−p)/n) is what the interval's ends are defined by.
        assert math.isclose(abs(end - share), scores.Z * math.sqrt(end * (1 - end) / n), rel_tol=1e-6, abs_tol=1e-6)


@given(st.dictionaries(st.integers(1, 7), st.integers(1, 500), min_size=1))
def test_a_ces_lies_on_its_scale_and_in_its_interval(counts: dict[int, int]) -> None:
    found = scores.ces(counts)
    assert found.score is not None
    assert found.interval is not None
    assert 1 <= found.interval.low <= found.score <= found.interval.high <= 7


@given(st.fractions(-1000, 1000, max_denominator=1000), st.integers(0, 3))
def test_rounding_is_symmetric_and_near(value: Fraction, digits: int) -> None:
    rounded = scores.round_half_away(value, digits)
    assert scores.round_half_away(-value, digits) == -rounded
    assert abs(Fraction(rounded) - value) <= Fraction(1, 2 * 10**digits) + Fraction(1, 10**9)
