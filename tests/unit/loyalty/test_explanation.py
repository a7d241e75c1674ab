"""The explanation of an order: per rule and line why points, why none."""

from typing import Any

from loyalty.rules.explanation import CapPoints, explain
from loyalty.rules.facts import fix
from loyalty.rules.kept import NOTHING_KEPT, Facts
from tests.unit.loyalty.orders import line, order, program, refund

LINES = [
    line("shoe", 3_000, category_ids=["shoes"]),
    line("hat", 1_050),
    line("card", 5_000, is_gift_card=True),
    line("back", 2_000),
    line("free", 0),
]
RULES: list[dict[str, Any]] = [
    {"id": "base"},
    {"id": "shoes", "kind": "per_item", "points": 10, "when": {"category_ids": ["shoes"]}},
    {"id": "pos", "kind": "fixed", "points": 5, "when": {"channels": ["pos"]}},
    {"id": "tiny", "per": 1_000_000},
    {"id": "none", "kind": "multiplier", "factor": "2", "when": {"min_amount": 999_999}},
]


def test_every_rule_and_line_says_why() -> None:
    tiers = {"levels": [{"id": "gold", "threshold": 1, "benefits": {"multiplier": "1.5"}}]}
    compiled = program(rules=RULES, tiers=tiers, caps=[{"points": 70}])
    given = order(*LINES, refunds=[refund("r", 2_000, ("back", 1, 2_000))])
    found = explain(compiled, given, fix(compiled, given, Facts(tier="gold")))
    # base 40 + shoes 10 = 50, x 1.5 = 75, capped at 70
    assert found.points == 70
    assert [(rule.rule_id, rule.points, rule.reason) for rule in found.rules] == [
        ("base", 40, None),
        ("shoes", 10, None),
        ("pos", 0, "other_channel"),
        ("tiny", 0, "below_one_point"),
        ("none", 0, "below_min_amount"),
        ("tier:gold", 25, None),
    ]
    assert [(one.line_id, one.eligible, one.points, one.reason) for one in found.lines] == [
        ("shoe", 3_000, 55, None),
        ("hat", 1_050, 15, None),
        ("card", 0, 0, "gift_card"),
        ("back", 0, 0, "refunded"),
        ("free", 0, 0, "no_eligible_amount"),
    ]
    assert found.lines[3].eligible_before_refunds == 2_000
    assert found.caps == (CapPoints("order", "trim", 5),)
    assert found.note is None


def test_a_line_that_no_rule_is_about_says_so() -> None:
    compiled = program(rules=[RULES[1]])
    lines = explain(compiled, order(*LINES[:2]), NOTHING_KEPT).lines
    assert [(one.points, one.reason) for one in lines] == [(10, None), (0, "no_rule_paid")]


def test_points_for_the_whole_order_are_shared_by_amount() -> None:
    compiled = program(rules=[{"id": "visit", "kind": "visit", "points": 10}])
    lines = explain(compiled, order(line("1", 2_000), line("2", 1_000)), NOTHING_KEPT).lines
    assert [one.points for one in lines] == [7, 3]


def test_an_order_that_earns_nothing_says_the_one_reason() -> None:
    for fields, note in (({"payment_state": "pending"}, "not_paid"), ({"currency": "USD"}, "currency_without_rate")):
        found = explain(program(), order(**fields), NOTHING_KEPT)
        assert (found.points, found.note) == (0, note)
        assert {rule.reason for rule in found.rules} == {note}
        assert {one.reason for one in found.lines} == {note}


def test_an_order_of_which_only_refunds_are_known_has_nothing_to_say_yet() -> None:
    found = explain(program(), {"order_id": "1", "refunds": {"r": refund("r", 5)}}, NOTHING_KEPT)
    assert (found.points, found.note, found.lines) == (0, "order_not_seen", ())


def test_proportional_points_are_scaled_to_what_is_left() -> None:
    compiled = program(rules=[{"id": "visit", "kind": "visit", "points": 10}], clawback_mode="proportional")
    given = order(line("1", 2_000), line("2", 1_000), refunds=[refund("r", 1_000, ("2", 1, 1_000))])
    found = explain(compiled, given, NOTHING_KEPT)
    assert (found.points, [one.points for one in found.lines]) == (6, [6, 0])
