"""Evaluation of order states as the contracts give them: sparse, odd, far away in time."""

from typing import Any

import pytest

from comeback_contracts.order_merge import from_event, merge
from comeback_contracts.order_reading import view_of
from loyalty.rules.counting import goods_left
from loyalty.rules.evaluation import evaluate
from loyalty.rules.explanation import explain
from loyalty.rules.facts import fix
from loyalty.rules.instants import delivered_at, earned_at
from loyalty.rules.kept import NOTHING_KEPT, Facts
from tests.unit.loyalty.orders import line, order, program, refund

AT = "2026-03-04T10:00:00Z"
BARE: dict[str, Any] = {
    "order_id": "1",
    "currency": "EUR",
    "payment_state": "paid",
    "customer": {"customer_id": "ada"},
    "lines": [{"line_id": "1", "quantity": 1, "total": 4_200}],
    "total": 4_200,
    "placed_at": AT,
}
CURIOUS: list[dict[str, Any]] = [
    {"id": "base"},
    {"id": "shoes", "when": {"category_ids": ["shoes"]}},
    {"id": "sku", "when": {"skus": ["s"]}},
    {"id": "night", "when": {"hours": [1], "weekdays": [1]}},
    {"id": "first", "kind": "first_purchase", "limit": {"period": "week"}},
]


def test_a_state_with_nothing_but_what_must_be_there() -> None:
    compiled = program(rules=CURIOUS)
    state = from_event({"order": BARE}, AT)
    assert evaluate(compiled, state, fix(compiled, state, Facts())).points == 42
    assert explain(compiled, state, NOTHING_KEPT).rules[1].reason == "no_matching_line"


def test_refunds_that_came_first_wait_for_the_order() -> None:
    refund = {"refund_id": "r", "at": AT, "amount": 2_000}
    waiting = from_event({"order": {"order_id": "1", "refunds": [refund]}}, AT)
    assert evaluate(program(), waiting, NOTHING_KEPT).note == "order_not_seen"
    known = merge(waiting, from_event({"order": BARE}, AT))
    assert evaluate(program(), known, NOTHING_KEPT).points == 22


def test_the_instant_of_earning_is_that_of_the_program_or_else_of_the_order() -> None:
    given = view_of(order(paid_at="2026-03-05T10:00:00Z", delivered_at="2026-03-09T12:00:00+02:00"))
    assert earned_at(program(earn_on="paid"), given).isoformat() == "2026-03-05T10:00:00+00:00"
    assert earned_at(program(earn_on="delivered"), given).isoformat() == "2026-03-09T10:00:00+00:00"
    assert earned_at(program(earn_on="fulfilled"), given).isoformat() == "2026-03-04T10:00:00+00:00"
    assert delivered_at(given) is not None
    assert delivered_at(view_of(order())) is None


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_instants_at_the_ends_of_the_calendar_are_no_accident(zone: str) -> None:
    window = {"from": "0001-01-01", "until": "9999-12-31", "hours": ["00:00-24:00"]}
    compiled = program(zone=zone, rules=[{"id": "base", "when": window, "limit": {"period": "day"}}])
    given = order(placed_at="0001-01-01T00:00:00Z", paid_at="0001-01-01T00:00:00Z")
    assert evaluate(compiled, given, fix(compiled, given, Facts())).points == 100
    instants = {"from": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-12:00"}
    program(zone=zone, rules=[{"id": "base", "when": instants}])


def test_a_line_of_a_negative_total_never_takes_an_order_below_zero() -> None:
    lines = [{"line_id": "1", "quantity": 1, "total": 1_000}, {"line_id": "2", "quantity": 1, "total": -5_000}]
    state = from_event({"order": {**BARE, "lines": lines, "total": -4_000}}, AT)
    assert evaluate(program(), state, NOTHING_KEPT).points == 0
    visit = program(rules=[{"id": "visit", "kind": "visit", "points": 5}])
    assert [one.points for one in explain(visit, state, NOTHING_KEPT).lines] == [5, 0]


def test_what_is_left_of_the_goods() -> None:
    lines = [line("1", 3_000, quantity=3), line("2", 1_000)]
    assert goods_left(order(*lines)) == (4_000, 4_000)
    assert goods_left(order(*lines, refunds=[refund("r", 1_500, ("1", 1, 1_000))])) == (2_500, 4_000)
    assert goods_left(order(*lines, refunds=[refund("r", 0, ("1", 3, 0), ("2", 1, 0))])) == (0, 4_000)
    for fields in ({"state": "cancelled"}, {"payment_state": "refunded"}, {"payment_state": "voided"}):
        assert goods_left(order(*lines, **fields)) == (0, 4_000)
    free = [line("1", 0, quantity=2)]
    assert goods_left(order(*free, refunds=[refund("r", 0, ("1", 1, 0))])) == (1, 2)
    bare = from_event({"order": {**BARE, "lines": [], "total": 500}}, AT)
    assert goods_left(bare) == (1, 1)
    assert goods_left(from_event({"order": {**BARE, "lines": [], "state": "cancelled"}}, AT)) == (0, 1)


def test_no_goods_are_left_when_the_whole_total_went_back_though_a_discount_made_it_less_than_they_cost() -> None:
    discounted: dict[str, Any] = {"discounts": [{"kind": "points", "amount": 100}], "total": 2_900}
    halves = [refund("a", 1_450), refund("b", 1_450)]
    assert goods_left(order(line("1", 3_000), refunds=halves[:1], **discounted)) == (1_550, 3_000)
    assert goods_left(order(line("1", 3_000), refunds=halves, **discounted)) == (0, 3_000)
