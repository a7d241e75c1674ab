"""Properties of targets over random orders and refunds: splits, order, monotony, previews, explanations."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.evaluation import evaluate
from loyalty.rules.explanation import explain
from loyalty.rules.facts import fix
from loyalty.rules.kept import Facts
from tests.unit.loyalty.orders import Wallet, line, order, program, refund

TIERS = {"levels": [{"id": "gold", "threshold": 1, "benefits": {"multiplier": "1.3"}}]}
RULES: list[dict[str, Any]] = [
    {"id": "base"},
    {"id": "shoes", "points": 3, "per": 700, "when": {"category_ids": ["shoes"]}},
    {"id": "hat", "kind": "per_item", "points": 10, "when": {"category_ids": ["hats"]}},
    {"id": "units", "kind": "per_quantity", "points": 2, "limit": {"times": 4}},
    {"id": "visit", "kind": "visit", "points": 5, "when": {"min_amount": 2_000}, "limit": {"period": "day"}},
    {"id": "first", "kind": "first_purchase", "points": 50},
    {"id": "twice", "kind": "multiplier", "factor": "1.5", "when": {"tiers": ["gold"]}},
]
# No `reject` cap: it makes an order worth nothing while it is large, so it is not monotone by its nature.
PROGRAMS = [
    program(rules=RULES, tiers=TIERS, caps=[{"points": 400}, {"points": 500, "period": "day"}], rounding=rounding,
            discount_allocation=allocation, clawback_mode=mode, stacking=stacking)
    for rounding in ("floor", "half_up", "ceil")
    for allocation in ("per_line", "order")
    for mode in ("recompute", "proportional")
    for stacking in ("sum", "best")
]  # fmt: skip
programs = st.sampled_from(PROGRAMS)
facts = st.builds(
    Facts,
    tier=st.sampled_from([None, "gold"]),
    first_purchase=st.booleans(),
    used=st.sampled_from([{}, {"cap:2026-03-04": (0, 350)}, {"rule:visit:2026-03-04": (1, 5)}]),
)


@st.composite
def baskets(draw: st.DrawFn) -> dict[str, Any]:
    """An order without refunds."""
    lines = []
    for place in range(draw(st.integers(1, 4))):
        quantity, price = draw(st.integers(1, 4)), draw(st.integers(0, 9_000))
        total = quantity * price
        tax = draw(st.integers(0, total // 4))
        categories = draw(st.sampled_from([[], ["shoes"], ["hats"], ["shoes", "hats"]]))
        gift = draw(st.integers(0, 9)) == 0
        lines.append(line(f"l{place}", total, quantity=quantity, tax=tax, category_ids=categories, is_gift_card=gift))
    goods = sum(one["total"] for one in lines)
    discounts = [{"kind": "order", "amount": draw(st.integers(0, goods // 2))}] if draw(st.booleans()) else []
    return order(*lines, discounts=discounts, tax_included=draw(st.booleans()))


@st.composite
def refunded(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An order and refunds of some of its lines, in units and amounts, and of unspecific amounts."""
    basket = draw(baskets())
    refunds = []
    for place in range(draw(st.integers(1, 5))):
        some = st.lists(st.sampled_from(basket["lines"]), max_size=2, unique_by=lambda one: one["line_id"])
        parts = [
            (one["line_id"], draw(st.integers(0, 2)), draw(st.integers(0, 1 + one["total"] // 2))) for one in draw(some)
        ]
        amount = sum(part for _, _, part in parts) + draw(st.sampled_from([0, 0, 137, 1_000]))
        refunds.append(refund(f"r{place}", amount, *parts))
    return basket, refunds


def with_refunds(basket: dict[str, Any], refunds: list[dict[str, Any]]) -> dict[str, Any]:
    return {**basket, "refunds": {one["refund_id"]: one for one in refunds}}


def target(compiled: CompiledProgram, given_order: dict[str, Any], known: Facts) -> int:
    return evaluate(compiled, given_order, fix(compiled, given_order, known)).points


@given(programs, refunded(), facts)
def test_refunds_in_turn_end_where_all_at_once_do_and_never_take_more_than_was_earned(
    compiled: CompiledProgram, case: tuple[dict[str, Any], list[dict[str, Any]]], known: Facts
) -> None:
    basket, refunds = case
    kept = fix(compiled, basket, known)
    earned = evaluate(compiled, basket, kept).points
    wallet = Wallet()
    wallet.settle(earned)
    for count in range(1, len(refunds) + 1):
        wallet.settle(evaluate(compiled, with_refunds(basket, refunds[:count]), kept).points)
    once = evaluate(compiled, with_refunds(basket, refunds), kept).points
    assert wallet.balance == wallet.account.settled == once
    assert 0 <= once <= earned


@given(programs, refunded(), facts)
def test_no_refund_raises_a_target(
    compiled: CompiledProgram, case: tuple[dict[str, Any], list[dict[str, Any]]], known: Facts
) -> None:
    basket, refunds = case
    kept = fix(compiled, basket, known)
    found = [
        evaluate(compiled, with_refunds(basket, refunds[:count]), kept).points for count in range(len(refunds) + 1)
    ]
    assert found == sorted(found, reverse=True)


@given(programs, refunded(), facts, st.randoms())
def test_the_order_of_refunds_does_not_matter(
    compiled: CompiledProgram, case: tuple[dict[str, Any], list[dict[str, Any]]], known: Facts, random: Any
) -> None:
    basket, refunds = case
    shuffled = list(refunds)
    random.shuffle(shuffled)
    assert target(compiled, with_refunds(basket, shuffled), known) == target(
        compiled, with_refunds(basket, refunds), known
    )


@given(programs, baskets(), st.integers(1, 5), facts)
def test_a_line_refunded_in_parts_is_a_line_refunded_at_once(
    compiled: CompiledProgram, basket: dict[str, Any], parts: int, known: Facts
) -> None:
    one = basket["lines"][0]
    amount = one["total"] // 2
    cuts = [amount * place // parts for place in range(parts + 1)]
    split = [
        refund(f"p{place}", cuts[place + 1] - cuts[place], (one["line_id"], 0, cuts[place + 1] - cuts[place]))
        for place in range(parts)
    ]
    whole = [refund("w", amount, (one["line_id"], 0, amount))]
    expected = target(compiled, with_refunds(basket, whole), known)
    assert target(compiled, with_refunds(basket, split), known) == expected


@given(programs, refunded(), facts)
@settings(max_examples=200)
def test_a_preview_and_an_explanation_say_what_is_posted(
    compiled: CompiledProgram, case: tuple[dict[str, Any], list[dict[str, Any]]], known: Facts
) -> None:
    given_order = with_refunds(*case)
    kept = fix(compiled, given_order, known)
    posted = evaluate(compiled, given_order, kept)
    assert evaluate(compiled, given_order, kept, assume_counts=True).points == posted.points
    explained = explain(compiled, given_order, kept)
    assert explained.points == posted.points
    assert explained.note == posted.note
    assert sum(one.points for one in explained.lines) in (0, posted.points)
    paid = [rule.rule_id for rule in explained.rules if rule.points and not rule.rule_id.startswith("tier:")]
    assert set(posted.rule_ids) <= set(paid)
    assert all(rule.points or rule.reason for rule in explained.rules)
    assert all(one.points or one.reason for one in explained.lines)
    if posted.note is None and not compiled.proportional:
        lowered = sum(cap.lowered_by for cap in explained.caps)
        assert sum(rule.points for rule in explained.rules) - lowered == posted.points
