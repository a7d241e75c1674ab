"""Points without an order: activities, birthdays, anniversaries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty.rules.activities import (
    activity_usage_keys,
    evaluate_activity,
    evaluate_occasion,
    occasion_usage_keys,
)
from loyalty.rules.kept import Facts
from tests.unit.loyalty.orders import order, points, program

AT = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
REVIEW: dict[str, Any] = {"id": "review", "kind": "activity", "activity": "review", "points": 20}


def test_an_activity_pays_its_rules_and_no_others() -> None:
    compiled = program(rules=[{"id": "base"}, REVIEW, {"id": "b", "kind": "birthday", "points": 100}])
    assert evaluate_activity(compiled, "review", AT, Facts()).points == 20
    assert evaluate_activity(compiled, "share", AT, Facts()).points == 0
    assert evaluate_activity(compiled, "birthday", AT, Facts()).points == 0
    assert evaluate_occasion(compiled, "birthday", AT, Facts()).rule_ids == ("b",)
    assert evaluate_occasion(compiled, "anniversary", AT, Facts()).points == 0
    assert points(compiled, order()) == 100


@pytest.mark.parametrize(("used", "expected"), [((0, 0), 20), ((1, 20), 20), ((2, 40), 0)])
def test_a_limit_counts_in_the_shop_s_month(used: tuple[int, int], expected: int) -> None:
    compiled = program(zone="Europe/Berlin", rules=[{**REVIEW, "limit": {"times": 2, "period": "day"}}])
    key = "rule:review:2026-03-05"
    assert activity_usage_keys(compiled, "review", AT) == (key,)
    assert activity_usage_keys(compiled, "share", AT) == ()
    found = evaluate_activity(compiled, "review", AT, Facts(used={key: used}))
    assert found.points == expected
    assert found.usage == ({key: (1, 20)} if expected else {})


def test_a_limit_per_order_counts_the_activities_of_that_order() -> None:
    compiled = program(rules=[{**REVIEW, "limit": {"times": 1, "period": "order"}}])
    assert activity_usage_keys(compiled, "review", AT, order_id="7") == ("rule:review:order:7",)
    used = {"rule:review:order:7": (1, 20)}
    assert evaluate_activity(compiled, "review", AT, Facts(used=used), order_id="7").points == 0
    assert evaluate_activity(compiled, "review", AT, Facts(used=used), order_id="8").points == 20
    assert evaluate_activity(compiled, "review", AT, Facts(used=used)).points == 20


def test_conditions_and_stacking_hold_for_activities_too() -> None:
    vip = {**REVIEW, "id": "vip", "points": 30, "when": {"customer_tags": ["vip"]}}
    assert evaluate_activity(program(rules=[REVIEW, vip]), "review", AT, Facts(tags=("vip",))).points == 50
    assert evaluate_activity(program(rules=[REVIEW, vip]), "review", AT, Facts()).points == 20
    best = program(rules=[REVIEW, vip], stacking="best")
    assert evaluate_activity(best, "review", AT, Facts(tags=("vip",))).points == 30
    alone = program(rules=[REVIEW, {**vip, "stackable": False}])
    assert evaluate_activity(alone, "review", AT, Facts(tags=("vip",))).rule_ids == ("vip",)
    app = program(rules=[{**REVIEW, "when": {"channels": ["app"], "attributes": {"stars": 5}}}])
    assert evaluate_activity(app, "review", AT, Facts(), channel="app", attributes={"stars": 5}).points == 20
    assert evaluate_activity(app, "review", AT, Facts(), channel="app").points == 0


@pytest.mark.parametrize(("over", "expected"), [("trim", 5), ("reject", 0)])
def test_caps_of_a_day_and_a_month_hold_for_activities(over: str, expected: int) -> None:
    compiled = program(rules=[REVIEW], caps=[{"points": 100, "period": "month", "over": over}])
    assert occasion_usage_keys(compiled, "birthday", AT) == ("cap:2026-03",)
    found = evaluate_activity(compiled, "review", AT, Facts(used={"cap:2026-03": (0, 95)}))
    assert found.points == expected
    assert found.usage == ({"cap:2026-03": (0, 5)} if expected else {})
