"""What stays of forgotten attributes opens the same rules."""

import random
from typing import Any

from comeback_contracts.order_reading import view_of
from loyalty.rules.conditions import meets
from loyalty.rules.met import met_by, stand_in
from tests.unit.loyalty.orders import order, program

VALUES = (None, "", "x", 0, 1, True, False)


def test_the_same_rules_are_met_by_what_stands_in_for_any_attributes() -> None:
    rng = random.Random(3)

    def some() -> dict[str, Any]:
        return {name: rng.choice(VALUES) for name in rng.sample("abc", rng.randint(1, 3))}

    for _ in range(2_000):
        rules = [{"id": str(number), "points": 1, "when": {"attributes": some()}} for number in range(4)]
        asked = program(rules=rules)
        noted, plain = view_of(order(attributes=some())), view_of(order())
        met = met_by(asked, noted)
        assert met is not None
        shown = stand_in(asked, plain, met)
        assert shown is not None
        for _, wanted in asked.asked_attributes:
            assert meets(shown, wanted) == meets(noted.attributes or {}, wanted)


def test_a_later_snapshot_stands_for_itself() -> None:
    asked = program(rules=[{"id": "a", "points": 1, "when": {"attributes": {"a": 1}}}])
    met = met_by(asked, view_of(order(attributes={"a": 1})))
    assert met is not None
    assert stand_in(asked, view_of(order(updated_at="2030-01-01T00:00:00Z")), met) is None


def test_nothing_is_kept_where_no_rule_asks() -> None:
    assert met_by(program(rules=[{"id": "a", "points": 1}]), view_of(order(attributes={"a": 1}))) is None
