"""Worked examples C (spending) of shared/cases/loyalty.md: the arithmetic of paying with points."""

from typing import Any

import pytest

from loyalty.lots import Take, give_back
from loyalty.program.document import Program
from loyalty.redemption_rules import Quote, Refusal, most_points, points_to_return, quote, value_of

ONE = (1, 1)


def spending(mode: str = "trim", **redemption: Any) -> Program:
    return Program.model_validate({"on_insufficient": mode, "redemption": redemption})


def ask(program: Program, points: int, balance: int, order_total: int) -> Quote | Refusal:
    return quote(program, points, balance=balance, order_total=order_total, rate=ONE)


HALF: dict[str, Any] = {"points": 1, "value": 1, "min_points": 500, "max_share": "0.5"}
WHOLE: dict[str, Any] = {"points": 1, "value": 1, "min_points": 500, "max_share": "1.0"}
EURO: dict[str, Any] = {"points": 1, "value": 200}

CASES: list[tuple[str, Program, tuple[int, int, int], int | str, int]] = [
    ("C30 trim takes what is there", spending(points=1, value=1), (500, 200, 10_000), 200, 200),
    ("C30 reject", spending("reject", points=1, value=1), (500, 200, 10_000), "not_enough_points", 0),
    ("C32 within everything", spending(**HALF), (1_000, 5_000, 10_000), 1_000, 1_000),
    ("C32 less than asked", spending(**HALF), (1_000, 700, 10_000), 700, 700),
    ("C32 half of the order", spending(**HALF), (10_000, 10_000, 10_000), 5_000, 5_000),
    ("C32 below the minimum", spending(**WHOLE), (400, 5_000, 100_000), "below_min_points", 0),
    ("C34 use 20, pays 60", spending(**EURO), (20, 50, 10_000), 20, 4_000),
    ("C34 use 50, pays 0", spending(**EURO), (50, 50, 10_000), 50, 10_000),
    ("C37 fewer than the limit", spending(points=1, value=1), (100, 12, 10_000), 12, 12),
    ("C37 limit 12", spending(points=1, value=1), (12, 5_000, 10_000), 12, 12),
    ("step rounds down", spending(points=1, value=1, step=50), (499, 5_000, 10_000), 450, 450),
    ("reject above the share", spending("reject", **HALF), (6_000, 9_000, 10_000), "above_max_share", 0),
    ("nothing is not a redemption", spending(points=1, value=1), (10, 0, 10_000), "not_enough_points", 0),
    ("nothing, whatever the least is", spending(**HALF), (1_000, 0, 10_000), "not_enough_points", 0),
    ("less than nothing", spending(points=1, value=1), (10, -5, 10_000), "not_enough_points", 0),
    ("less than the minimum is there", spending(**HALF), (1_000, 300, 10_000), "below_min_points", 0),
    ("a part of a cent is nothing", spending(points=100, value=50), (1, 10, 10_000), "below_min_points", 0),
    ("never above the order", spending(points=1, value=3), (5_000, 5_000, 1_000), 333, 999),
    ("all that is there", spending("reject", points=1, value=1), (200, 200, 10_000), 200, 200),
    ("one more than is there", spending("reject", points=1, value=1), (201, 200, 10_000), "not_enough_points", 0),
    ("a negative balance has nothing", spending("reject", points=1, value=1), (1, -5, 1_000), "not_enough_points", 0),
]


@pytest.mark.parametrize(("program", "asked", "expected", "value"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_paying_with_points(program: Program, asked: tuple[int, int, int], expected: int | str, value: int) -> None:
    points, balance, order_total = asked
    found = ask(program, points, balance, order_total)
    if isinstance(found, Refusal):
        assert found.code == expected
    else:
        assert (found.points, found.value) == (expected, value)


def test_an_order_in_another_currency_is_paid_at_the_rate_of_the_program() -> None:
    program = spending(points=100, value=500)
    found = quote(program, 100, balance=100, order_total=1_000, rate=(92, 100))
    assert found == Quote(100, 543)
    assert most_points(program, 1_000, (92, 100)) == 184
    assert quote(program, 100, balance=100, order_total=1_000, rate=None) == Refusal(
        "currency_without_rate", "the program has no rate for this currency; add it to currency_rates"
    )


@pytest.mark.parametrize("mode", ["trim", "reject"])
def test_who_has_nothing_to_spend_is_told_so(mode: str) -> None:
    found = ask(spending(mode, points=1, value=1), 5, 0, 10_000)
    assert found == Refusal("not_enough_points", "5 points are needed and 0 can be spent")


@pytest.mark.parametrize(("step", "least"), [(1, 40), (25, 50)])
def test_points_that_are_worth_nothing_are_told_how_many_would_be(step: int, least: int) -> None:
    program = spending(points=40, value=1, step=step)
    found = quote(program, 30, balance=100, order_total=1_000, rate=ONE)
    assert isinstance(found, Refusal)
    assert found.code == "below_min_points"
    assert found.detail == f"at least {least} points must be used; of 30 {30 - 30 % step} could be"


def test_c39_a_partial_confirm_frees_what_a_smaller_hold_would_not_have_taken() -> None:
    takes = [Take("soon", 100), Take("late", 23)]
    assert give_back(takes, 23) == (Take("late", 23),)
    assert give_back(takes, 30) == (Take("late", 23), Take("soon", 7))
    assert give_back(takes, 500) == (Take("late", 23), Take("soon", 100))
    assert value_of(spending(points=100, value=500), 123 - 23, ONE) == 500


@pytest.mark.parametrize(
    ("mode", "left", "expected"),
    [
        ("full_return_only", 2_500, 0),
        ("full_return_only", 0, 300),
        ("proportional", 2_500, 225),
        ("proportional", 9_999, 0),
        ("proportional", 0, 300),
        ("never", 0, 0),
    ],
    ids=["C17 partial return", "C15 full return", "prorated", "prorated floor", "prorated full", "never"],
)
def test_spent_points_come_back_as_the_program_says(mode: Any, left: int, expected: int) -> None:
    assert points_to_return(mode, 300, left=left, full=10_000) == expected
