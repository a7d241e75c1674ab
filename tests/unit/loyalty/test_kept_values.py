"""What depends on the member is fixed once: first purchase, tier, limits, caps; and it survives JSON."""

from datetime import date
from typing import Any

import pytest

from loyalty.rules.evaluation import evaluate
from loyalty.rules.facts import fix, usage_keys
from loyalty.rules.kept import NOTHING_KEPT, Facts, Kept
from tests.unit.loyalty.orders import line, order, points, program, refund, worth

DAILY = {"id": "bonus", "kind": "fixed", "points": 5, "limit": {"times": 1, "period": "day"}}


def test_the_default_program_keeps_nothing() -> None:
    compiled = program()
    kept = fix(compiled, order(), Facts(tier="gold", first_purchase=True, tags=("vip",)))
    assert kept is NOTHING_KEPT
    assert kept.to_json() == "{}"
    assert usage_keys(compiled, date(2026, 3, 4)) == ()


def test_kept_values_survive_json_and_give_the_same_target() -> None:
    compiled = program(
        rules=[DAILY, {"id": "first", "kind": "first_purchase", "points": 100},
               {"id": "vip", "kind": "fixed", "points": 3, "when": {"customer_tags": ["vip"]}}],
        caps=[{"points": 200, "period": "month"}],
        tiers={"levels": [{"id": "gold", "threshold": 1, "benefits": {"multiplier": "2"}}]},
    )  # fmt: skip
    kept = fix(
        compiled, order(), Facts(tier="gold", first_purchase=True, tags=("vip", "b2b"), used={"cap:2026-03": (0, 40)})
    )
    assert Kept.from_json(kept.to_json()) == kept
    assert kept.tags == ("vip",)
    assert evaluate(compiled, order(), Kept.from_json(kept.to_json())).points == 160


def test_a_first_purchase_pays_once() -> None:
    compiled = program(rules=[{"id": "first", "kind": "first_purchase", "points": 100}])
    assert points(compiled, order(), Facts(first_purchase=True)) == 100
    assert points(compiled, order(), Facts(first_purchase=False)) == 0


PERIODS = [
    ("day", "2026-03-05", 1),
    ("week", "2026-W10", 1),
    ("month", "2026-03", 1),
    ("year", "2026", 1),
    ("ever", "ever", 1),
]


@pytest.mark.parametrize(("period", "key", "used"), PERIODS, ids=[one[0] for one in PERIODS])
def test_a_limit_counts_in_the_period_of_the_shop(period: str, key: str, used: int) -> None:
    compiled = program(zone="Europe/Berlin", rules=[{**DAILY, "limit": {"times": 2, "period": period}}])
    given = order(paid_at="2026-03-04T23:30:00Z")
    counter = f"rule:bonus:{key}"
    assert usage_keys(compiled, date(2026, 3, 5)) == (counter,)
    assert worth(compiled, given).usage == {counter: (1, 5)}
    assert points(compiled, given, Facts(used={counter: (1, 5)})) == 5
    assert points(compiled, given, Facts(used={counter: (2, 10)})) == 0
    assert used


def test_a_limit_of_points_pays_what_is_left() -> None:
    rule = {"id": "base", "limit": {"points": 120, "period": "month"}}
    compiled = program(rules=[rule])
    used = {"rule:base:2026-03": (1, 100)}
    found = worth(compiled, order(line("1", 5_000)), Facts(used=used))
    assert (found.points, found.usage) == (20, {"rule:base:2026-03": (1, 20)})
    order_limit = program(rules=[{"id": "base", "limit": {"points": 30}}])
    assert points(order_limit, order(line("1", 5_000))) == 30


@pytest.mark.parametrize(("over", "expected"), [("trim", 40), ("reject", 0)])
def test_a_cap_per_day_and_month_counts_all_points(over: str, expected: int) -> None:
    compiled = program(caps=[{"points": 100, "period": "day", "over": over}, {"points": 1_000, "period": "month"}])
    used = {"cap:2026-03-04": (0, 60), "cap:2026-03": (0, 900)}
    found = worth(compiled, order(line("1", 5_000)), Facts(used=used))
    assert found.points == expected
    if expected:
        assert found.usage == {"cap:2026-03-04": (0, 40), "cap:2026-03": (0, 40)}


def test_a_later_settlement_uses_the_kept_values_and_not_the_present_ones() -> None:
    compiled = program(rules=[{"id": "base"}, DAILY])
    kept = fix(compiled, order(line("1", 10_000)), Facts())
    refunded = order(line("1", 10_000), refunds=[refund("r", 4_000)], paid_at="2026-03-09T10:00:00Z")
    found = evaluate(compiled, refunded, kept)
    assert (found.points, found.usage) == (65, {"rule:bonus:2026-03-04": (1, 5)})


def test_a_wholly_refunded_order_gives_its_use_of_a_limit_back() -> None:
    compiled = program(rules=[DAILY])
    kept = fix(compiled, order(), Facts())
    found = evaluate(compiled, order(refunds=[refund("r", 10_000, ("1", 1, 10_000))]), kept)
    assert (found.points, found.usage, found.note) == (0, {}, "nothing_left")


COUNTING: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("paid", "paid", {}, None),
    ("partially refunded", "paid", {"payment_state": "partially_refunded"}, None),
    ("refunded", "paid", {"payment_state": "refunded"}, "refunded"),
    ("pending", "paid", {"payment_state": "pending"}, "not_paid"),
    ("pending is enough for placed", "placed", {"payment_state": "pending"}, None),
    ("voided is not", "placed", {"payment_state": "voided"}, "not_paid"),
    ("fulfilled", "fulfilled", {"fulfilment_state": "fulfilled"}, None),
    ("delivered is fulfilled", "fulfilled", {"fulfilment_state": "delivered"}, None),
    ("partly fulfilled", "fulfilled", {"fulfilment_state": "partial"}, "not_fulfilled"),
    ("not delivered", "delivered", {"fulfilment_state": "fulfilled"}, "not_delivered"),
    ("delivered", "delivered", {"fulfilment_state": "delivered"}, None),
    ("cancelled", "paid", {"state": "cancelled"}, "cancelled"),
    ("closed", "paid", {"state": "closed"}, None),
    ("test", "paid", {"is_test": True}, "test_order"),
    ("no customer", "paid", {"customer": {}}, "no_customer"),
    ("null customer", "paid", {"customer": None}, "no_customer"),
]


@pytest.mark.parametrize(("earn_on", "fields", "note"), [c[1:] for c in COUNTING], ids=[c[0] for c in COUNTING])
def test_an_order_counts(earn_on: str, fields: dict[str, Any], note: str | None) -> None:
    found = evaluate(program(earn_on=earn_on), order(**fields), NOTHING_KEPT)
    assert (found.note, found.points) == (note, 0 if note else 100)
    assert found.counts is (note is None)


def test_a_preview_takes_a_cart_as_paid_but_a_cancelled_order_as_nothing() -> None:
    cart = order(payment_state="pending", customer={})
    assert evaluate(program(earn_on="delivered"), cart, NOTHING_KEPT, assume_counts=True).points == 100
    assert evaluate(program(), {**cart, "state": "cancelled"}, NOTHING_KEPT, assume_counts=True).points == 0
