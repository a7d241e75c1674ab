"""Worked examples B (refund and cancel) of shared/cases/loyalty.md: the arithmetic, without a database."""

from typing import Any

import pytest

from loyalty.rules.evaluation import evaluate
from loyalty.rules.facts import fix
from loyalty.rules.kept import Facts
from tests.unit.loyalty.orders import Wallet, line, order, points, program, refund

TEN_DOLLARS: dict[str, Any] = {"rules": [{"id": "base", "points": 1, "per": 1000}]}

# (refunds in turn, points deducted in turn by recompute, by proportional)
C12: list[tuple[str, list[int], list[int], list[int]]] = [
    ("$1", [100], [0], [1]),
    ("$5", [500], [1], [1]),
    ("$10", [1000], [1], [1]),
    ("$20", [2000], [2], [2]),
    ("4 x $5", [500, 500, 500, 500], [1, 0, 1, 0], [1, 0, 1, 0]),
]


@pytest.mark.parametrize("mode", ["recompute", "proportional"])
@pytest.mark.parametrize(("amounts", "recomputed", "prorated"), [c[1:] for c in C12], ids=[f"C12 {c[0]}" for c in C12])
def test_c12_refunds_deduct_by_what_remains(
    amounts: list[int], recomputed: list[int], prorated: list[int], mode: str
) -> None:
    compiled = program(clawback_mode=mode, **TEN_DOLLARS)
    wallet = Wallet()
    wallet.settle(points(compiled, order(line("1", 2_190))))
    assert wallet.balance == 2
    deducted = []
    for count in range(1, len(amounts) + 1):
        refunds = [refund(f"r{place}", amount) for place, amount in enumerate(amounts[:count])]
        deducted.append(-wallet.settle(points(compiled, order(line("1", 2_190), refunds=refunds))))
    assert deducted == (recomputed if mode == "recompute" else prorated)


def test_c12_the_tax_is_not_eligible() -> None:
    taxed = order(line("1", 2_190, tax=190), tax_included=True)
    assert points(program(rules=[{"id": "base", "per": 100}]), taxed) == 20


@pytest.mark.parametrize(
    ("allocation", "balances"),
    [("order", [515, 505, 500]), ("per_line", [515, 507, 500])],
    ids=["C14 C15", "C15 per line"],
)
def test_c14_c15_an_order_discount_stays_or_is_shared(allocation: str, balances: list[int]) -> None:
    compiled = program(discount_allocation=allocation)
    discount = [{"code": "FIVE", "kind": "order", "amount": 500}]
    refunds = [refund("r1", 1_000, ("1", 1, 1_000)), refund("r2", 500, ("2", 1, 1_000))]
    wallet = Wallet(balance=500)
    found = []
    for count in range(3):
        given = order(line("1", 1_000), line("2", 1_000), discounts=discount, refunds=refunds[:count])
        wallet.settle(points(compiled, given))
        found.append(wallet.balance)
    assert found == balances


def test_c16_a_refund_of_75_of_100_leaves_25() -> None:
    compiled, wallet = program(), Wallet()
    wallet.settle(points(compiled, order(line("1", 10_000))))
    assert wallet.balance == 100
    wallet.settle(points(compiled, order(line("1", 10_000), refunds=[refund("r1", 7_500)])))
    assert wallet.balance == 25


@pytest.mark.parametrize(("mode", "balance", "entry", "shortfall"), [("clamp", 0, -50, 100), ("allow", -100, -150, 0)])
def test_c20_a_cancelled_order_whose_points_were_spent(mode: Any, balance: int, entry: int, shortfall: int) -> None:
    wallet = Wallet(mode=mode)
    wallet.settle(150)
    wallet.spend(100)
    wallet.settle(points(program(), order(state="cancelled")))
    assert (wallet.balance, wallet.entries[-1], wallet.account.shortfall) == (balance, entry, shortfall)


def test_c21_a_cancellation_delivered_twice_claws_back_once() -> None:
    wallet = Wallet()
    wallet.settle(150)
    wallet.settle(0)
    wallet.settle(0)
    assert wallet.balance == 0
    assert wallet.entries == [150, -150]


@pytest.mark.parametrize(
    "later",
    [{"rules": [{"id": "base", "points": 2}]}, {"rules": []}, {"rules": [{"id": "other", "kind": "visit"}]}],
    ids=["C23 changed", "C23 deleted", "C23 replaced"],
)
def test_c23_a_refund_is_settled_under_the_program_that_earned(later: dict[str, Any]) -> None:
    earned_under, wallet = program(), Wallet()
    program(**later)
    wallet.settle(points(earned_under, order(line("1", 5_000))))
    wallet.settle(points(earned_under, order(line("1", 5_000), refunds=[refund("r1", 5_000, ("1", 1, 5_000))])))
    assert wallet.entries == [50, -50]


@pytest.mark.parametrize(("mode", "left"), [("proportional", 35), ("recompute", 50)])
def test_c24_item_points_and_spend_points_after_a_return(mode: str, left: int) -> None:
    compiled = program(
        clawback_mode=mode,
        rules=[
            {"id": "a", "kind": "per_item", "points": 10, "when": {"skus": ["sku-A"]}},
            {"id": "b", "kind": "per_item", "points": 20, "when": {"skus": ["sku-B"]}},
            {"id": "spend", "points": 1, "per": 100},
        ],
    )
    lines = [line("A", 1_000), line("B", 1_000), line("C", 2_000)]
    assert points(compiled, order(*lines)) == 70
    assert points(compiled, order(*lines, refunds=[refund("r1", 2_000, ("C", 1, 2_000))])) == left


def test_c25_a_visit_keeps_its_points_until_the_rest_is_below_the_minimum() -> None:
    compiled = program(rules=[{"id": "visit", "kind": "visit", "points": 5, "when": {"min_amount": 2_000}}])
    first = order(line("1", 2_500))
    kept = fix(compiled, first, Facts())
    refunds = [refund("r1", 300), refund("r2", 400)]
    assert evaluate(compiled, first, kept).points == 5
    assert evaluate(compiled, order(line("1", 2_500), refunds=refunds[:1]), kept).points == 5
    assert evaluate(compiled, order(line("1", 2_500), refunds=refunds), kept).points == 0
