"""Conditions of a rule, one by one, on both sides of their edge."""

from typing import Any

import pytest

from loyalty.rules.explanation import explain
from loyalty.rules.facts import fix
from loyalty.rules.kept import Facts
from tests.unit.loyalty.orders import line, order, points, program

BONUS = 7


def paid(when: dict[str, Any], given: dict[str, Any], facts: Facts = Facts(), zone: str = "Europe/Berlin") -> str:  # noqa: B008
    """What the explanation says of a fixed rule under that condition: ``paid`` or the reason why not."""
    document: dict[str, Any] = {"rules": [{"id": "bonus", "kind": "fixed", "points": BONUS, "when": when}]}
    if "tiers" in when:
        document["tiers"] = {"levels": [{"id": "silver", "threshold": 1}, {"id": "gold", "threshold": 2}]}
    compiled = program(zone=zone, **document)
    found = explain(compiled, given, fix(compiled, given, facts)).rules[0]
    assert found.points in (0, BONUS)
    return "paid" if found.points else str(found.reason)


SHOE = line("1", 3_000, product_id="p1", sku="s1", category_ids=["shoes", "sale"])
HAT = line("2", 1_000, product_id="p2", sku="s2", category_ids=["hats"])
BOTH = order(SHOE, HAT)

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("amount reached", {"min_amount": 4_000}, BOTH, "paid"),
    ("amount missed", {"min_amount": 4_001}, BOTH, "below_min_amount"),
    ("amount of the chosen lines", {"min_amount": 3_001, "product_ids": ["p1"]}, BOTH, "below_min_amount"),
    ("product", {"product_ids": ["p2", "p9"]}, BOTH, "paid"),
    ("other product", {"product_ids": ["p9"]}, BOTH, "no_matching_line"),
    ("sku", {"skus": ["s1"]}, BOTH, "paid"),
    ("category", {"category_ids": ["sale"]}, BOTH, "paid"),
    ("no category", {"category_ids": ["coats"]}, BOTH, "no_matching_line"),
    ("product and category on one line", {"product_ids": ["p1"], "category_ids": ["hats"]}, BOTH, "no_matching_line"),
    ("channel", {"channels": ["web", "app"]}, BOTH, "paid"),
    ("other channel", {"channels": ["pos"]}, BOTH, "other_channel"),
    ("no channel", {"channels": ["pos"]}, order(channel=None), "other_channel"),
    ("from a day", {"from": "2026-03-05"}, order(placed_at="2026-03-04T23:00:00Z"), "paid"),
    ("before the day", {"from": "2026-03-05"}, order(placed_at="2026-03-04T22:59:59Z"), "too_early"),
    ("through a day", {"until": "2026-03-05"}, order(placed_at="2026-03-05T22:59:59Z"), "paid"),
    ("after the day", {"until": "2026-03-05"}, order(placed_at="2026-03-05T23:00:00Z"), "too_late"),
    ("until an instant", {"until": "2026-03-04T10:00:00Z"}, order(placed_at="2026-03-04T10:00:00Z"), "too_late"),
    ("from an instant", {"from": "2026-03-04T10:00:00Z"}, order(placed_at="2026-03-04T10:00:00Z"), "paid"),
    ("weekday", {"weekdays": ["wed"]}, order(placed_at="2026-03-04T10:00:00Z"), "paid"),
    ("weekday of the shop", {"weekdays": [4]}, order(placed_at="2026-03-04T23:30:00Z"), "paid"),
    ("other weekday", {"weekdays": [0, 7, "Monday"]}, order(placed_at="2026-03-04T10:00:00Z"), "other_weekday"),
    ("hour of the shop", {"hours": [11]}, order(placed_at="2026-03-04T10:59:59Z"), "paid"),
    ("next hour", {"hours": [11]}, order(placed_at="2026-03-04T11:00:00Z"), "other_hour"),
    ("span", {"hours": ["10:30-11:15"]}, order(placed_at="2026-03-04T10:14:59Z"), "paid"),
    ("span over", {"hours": ["10:30-11:15"]}, order(placed_at="2026-03-04T10:15:00Z"), "other_hour"),
    ("attributes", {"attributes": {"gift": True}}, order(attributes={"gift": True, "x": 1}), "paid"),
    ("one is not true", {"attributes": {"gift": True}}, order(attributes={"gift": 1}), "other_attributes"),
    ("no attributes", {"attributes": {"gift": True}}, order(), "other_attributes"),
    ("absent is null", {"attributes": {"gift": None}}, order(), "paid"),
]


@pytest.mark.parametrize(("when", "given", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_condition(when: dict[str, Any], given: dict[str, Any], expected: str) -> None:
    assert paid(when, given) == expected


def test_tier_and_tags_are_those_of_the_member() -> None:
    assert paid({"tiers": ["gold"]}, order(), Facts(tier="gold")) == "paid"
    assert paid({"tiers": ["gold"]}, order(), Facts(tier="silver")) == "other_tier"
    assert paid({"tiers": ["gold"]}, order()) == "other_tier"
    assert paid({"customer_tags": ["vip", "staff"]}, order(), Facts(tags=("staff",))) == "paid"
    assert paid({"customer_tags": ["vip"]}, order(), Facts(tags=("staff",))) == "no_customer_tag"


def test_a_rule_about_lines_sees_their_amount_their_number_and_their_units() -> None:
    lines = [line("1", 3_000, quantity=3, category_ids=["shoes"]), line("2", 1_000, category_ids=["shoes"]), HAT]
    shoes = {"category_ids": ["shoes"]}
    assert points(program(rules=[{"id": "a", "per": 100, "when": shoes}]), order(*lines)) == 40
    assert points(program(rules=[{"id": "a", "kind": "per_item", "points": 10, "when": shoes}]), order(*lines)) == 20
    assert (
        points(program(rules=[{"id": "a", "kind": "per_quantity", "points": 10, "when": shoes}]), order(*lines)) == 40
    )
    assert points(program(rules=[{"id": "a", "kind": "per_quantity", "points": 5, "per": 2}]), order(*lines)) == 12
    limit = {"times": 2, "period": "order"}
    rule = {"id": "a", "kind": "per_quantity", "points": 10, "when": shoes, "limit": limit}
    assert points(program(rules=[rule]), order(*lines)) == 20


def test_the_minimum_is_in_the_shop_s_currency() -> None:
    dollars = order(line("1", 10_000), currency="USD")
    rule = {"id": "a", "kind": "fixed", "points": 5, "when": {"min_amount": 9_200}}
    assert points(program(rules=[rule], currency_rates={"USD": "0.92"}), dollars) == 5
    assert points(program(rules=[rule], currency_rates={"USD": "0.9199"}), dollars) == 0
