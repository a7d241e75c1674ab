"""Stacking, multipliers, rounding, caps, currencies: how rules come together."""

from typing import Any

import pytest

from loyalty.rules.evaluation import evaluate
from loyalty.rules.explanation import explain
from loyalty.rules.kept import NOTHING_KEPT, Facts
from tests.unit.loyalty.orders import line, order, points, program, worth


def fixed(rule_id: str, count: int, **fields: Any) -> dict[str, Any]:
    return {"id": rule_id, "kind": "fixed", "points": count, **fields}


def times(rule_id: str, factor: str, **fields: Any) -> dict[str, Any]:
    return {"id": rule_id, "kind": "multiplier", "factor": factor, **fields}


@pytest.mark.parametrize(("rounding", "expected"), [("floor", 1), ("half_up", 2), ("ceil", 2)])
def test_each_rule_is_rounded_over_the_whole_order(rounding: str, expected: int) -> None:
    lines = [line("1", 75), line("2", 75)]
    assert points(program(rounding=rounding), order(*lines)) == expected


@pytest.mark.parametrize(("rounding", "expected"), [("floor", 2), ("half_up", 3), ("ceil", 4)])
def test_a_multiplier_rounds_the_rounded_sum_again(rounding: str, expected: int) -> None:
    # 1.00 earns 1, 1.40 earns 1 | 1 | 2; x 1.25 gives 2.5 | 2.5 | 3.75
    rules = [{"id": "all", "per": 100, "when": {"skus": ["sku-1"]}},
             {"id": "second", "per": 100, "when": {"skus": ["sku-2"]}}, times("m", "1.25")]  # fmt: skip
    assert points(program(rules=rules, rounding=rounding), order(line("1", 100), line("2", 140))) == expected


def test_multipliers_follow_each_other_by_priority_then_id_and_the_tier_comes_last() -> None:
    rules = [fixed("base", 7), times("b", "1.5"), times("c", "1.1"), times("a", "2", priority=5)]
    tiers = {"levels": [{"id": "gold", "threshold": 1, "benefits": {"multiplier": "1.2"}}]}
    compiled = program(rules=rules, tiers=tiers)
    # 7 x 2 = 14, x 1.5 = 21, x 1.1 = 23, x 1.2 = 27
    assert points(compiled, order(), Facts(tier="gold")) == 27
    assert points(compiled, order(), Facts(tier=None)) == 23
    found = worth(compiled, order(), Facts(tier="gold"))
    assert found.rule_ids == ("base", "b", "c", "a")


def test_a_decimal_factor_is_exact() -> None:
    assert points(program(rules=[fixed("base", 100), times("m", "1.15")]), order()) == 115
    assert points(program(rules=[fixed("base", 1_000_000_000), times("m", "1.000000001")]), order()) == 1_000_000_001


def test_a_multiplier_with_lines_multiplies_all_where_such_a_line_is_bought() -> None:
    rules = [{"id": "base"}, times("shoes", "2", when={"category_ids": ["shoes"]})]
    both = [line("1", 1_000, category_ids=["shoes"]), line("2", 1_000)]
    assert points(program(rules=rules), order(*both)) == 40
    assert points(program(rules=rules), order(both[1])) == 10


def test_a_rule_that_stands_alone_wins_by_priority_then_points_then_id() -> None:
    alone = [
        fixed("b", 50, stackable=False),
        fixed("a", 50, stackable=False),
        fixed("c", 10, stackable=False, priority=1),
    ]
    assert worth(program(rules=[*alone, fixed("base", 500)]), order()).rule_ids == ("c",)
    assert worth(program(rules=[*alone[:2], fixed("base", 500)]), order()).rule_ids == ("a",)
    assert points(program(rules=[*alone[:2], fixed("base", 500), times("m", "3")]), order()) == 50


def test_a_rule_that_stands_alone_but_pays_nothing_leaves_the_field() -> None:
    alone = fixed("pos", 50, stackable=False, when={"channels": ["pos"]})
    assert points(program(rules=[alone, fixed("base", 5)]), order()) == 5


def test_a_multiplier_that_stands_alone_multiplies_the_stackable_sum_by_itself() -> None:
    rules = [fixed("base", 10), times("twice", "2"), times("thrice", "3", stackable=False)]
    found = worth(program(rules=rules), order())
    assert (found.points, found.rule_ids) == (30, ("thrice",))


def test_best_takes_one_rule_and_the_best_multiplier() -> None:
    rules = [fixed("six", 6), fixed("nine", 9), times("twice", "2"), times("thrice", "3")]
    found = worth(program(rules=rules, stacking="best"), order())
    assert (found.points, found.rule_ids) == (27, ("nine", "thrice"))


@pytest.mark.parametrize(("over", "expected"), [("trim", 50), ("reject", 0)])
def test_a_cap_per_order(over: str, expected: int) -> None:
    compiled = program(caps=[{"points": 50, "period": "order", "over": over}])
    assert points(compiled, order(line("1", 6_000))) == expected
    assert points(compiled, order(line("1", 5_000))) == 50
    caps = explain(compiled, order(line("1", 6_000)), NOTHING_KEPT).caps
    assert [(cap.period, cap.lowered_by) for cap in caps] == [("order", 60 - expected)]


def test_points_stay_within_what_the_contract_s_integers_hold() -> None:
    rules = [fixed("a", 1_000_000_000), times("b", "1000"), times("c", "1000"), times("d", "1000")]
    assert points(program(rules=rules), order()) == 2**53 - 1


@pytest.mark.parametrize(
    ("currency", "total", "expected"),
    [("EUR", 10_000, 100), ("USD", 10_000, 92), ("JPY", 1_000, 6), ("KWD", 10_000, 29), ("GBP", 10_000, 0)],
)
def test_an_order_in_another_currency_earns_by_its_rate(currency: str, total: int, expected: int) -> None:
    compiled = program(currency_rates={"USD": "0.92", "JPY": "0.0061", "KWD": "2.99"})
    found = evaluate(compiled, order(line("1", total), currency=currency), NOTHING_KEPT)
    assert found.points == expected
    assert found.note == ("currency_without_rate" if currency == "GBP" else None)


def test_tax_shipping_tip_and_gift_cards_earn_only_where_the_program_says_so() -> None:
    given = order(
        line("1", 11_900, tax=1_900), line("2", 5_000, is_gift_card=True), shipping=700, tip=300,
        discounts=[{"code": "S", "kind": "shipping", "amount": 200}],
    )  # fmt: skip
    assert points(program(), given) == 100
    for name, expected in (("tax", 119), ("shipping", 105), ("tip", 103), ("gift_cards", 150)):
        assert points(program(eligible={name: True}), given) == expected
    net = {**given, "tax_included": False}
    assert points(program(), net) == 119
    assert points(program(eligible={"tax": True}), net) == 138
