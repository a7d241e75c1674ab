"""Worked examples A (earning) of shared/cases/loyalty.md that need no database."""

from typing import Any

import pytest

from loyalty.rules.kept import Facts
from tests.unit.loyalty.orders import line, order, points, program

PER_DOLLAR = {"id": "base", "points": 1, "per": 100}
BASE_5 = {"id": "base", "kind": "fixed", "points": 5}
BASE_4 = {"id": "base", "kind": "fixed", "points": 4}
SIX_AND_NINE = [{"id": "six", "kind": "fixed", "points": 6}, {"id": "nine", "kind": "fixed", "points": 9}]

CASES: list[tuple[str, dict[str, Any], int, int]] = [
    ("C1 one point per $10", {"rules": [{"id": "base", "per": 1000}]}, 10_500, 10),
    ("C2 one point per $1", {"rules": [PER_DOLLAR]}, 1_200, 12),
    ("C3 promotion x3", {"rules": [BASE_5, {"id": "promo", "kind": "multiplier", "factor": "3"}]}, 100, 15),
    ("C3 promotion +3", {"rules": [BASE_5, {"id": "promo", "kind": "fixed", "points": 3}]}, 100, 8),
    ("C4 multiplier 1.5", {"rules": [BASE_4, {"id": "promo", "kind": "multiplier", "factor": "1.5"}]}, 100, 6),
    ("C6 stacking best", {"rules": SIX_AND_NINE, "stacking": "best"}, 100, 9),
    ("C6 stacking sum", {"rules": SIX_AND_NINE, "stacking": "sum"}, 100, 15),
    ("C7 floor per rule, then sum", {"rules": [PER_DOLLAR, {"id": "half", "per": 200}]}, 1_999, 28),
    (
        "C9 the greater priority stands alone",
        {
            "rules": [
                {"id": "low", "kind": "fixed", "points": 50, "priority": 5, "stackable": False},
                {"id": "high", "kind": "fixed", "points": 200, "priority": 20, "stackable": False},
                PER_DOLLAR,
            ]
        },
        10_000,
        200,
    ),
]


@pytest.mark.parametrize(("document", "total", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_order_earns_what_the_worked_example_says(document: dict[str, Any], total: int, expected: int) -> None:
    assert points(program(**document), order(line("1", total))) == expected


def test_c11_a_cart_of_several_lines_earns_on_every_line_and_a_segment_rule_adds() -> None:
    cart = order(line("1", 1_000), line("2", 15_000), line("3", 6_500), line("4", 3_000, quantity=2))
    per_unit = {"id": "base", "points": 1, "per": 1}
    assert points(program(rules=[per_unit]), cart) == 25_500
    segment = {"id": "vip", "kind": "fixed", "points": 150, "when": {"customer_tags": ["vip"]}}
    assert points(program(rules=[per_unit, segment]), cart, Facts(tags=("vip", "other"))) == 25_650
    assert points(program(rules=[per_unit, segment]), cart, Facts(tags=("other",))) == 25_500
