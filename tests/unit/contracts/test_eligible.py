"""The eligible amount, clause by clause, with numbers computed by hand."""

from typing import Any

import pytest

from comeback_contracts.eligible import eligible_amounts
from comeback_contracts.order_amounts import Includes
from comeback_contracts.order_merge import from_event

TIME = "2026-01-01T00:00:00Z"


def line(line_id: str, total: int, quantity: int = 1, **fields: Any) -> dict[str, Any]:
    return {"line_id": line_id, "quantity": quantity, "total": total, **fields}


def order(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"order_id": "1", "currency": "EUR", "lines": list(lines), "placed_at": TIME, "total": 0, **fields}


def off(amount: int, kind: str = "order") -> dict[str, Any]:
    return {"kind": kind, "amount": amount}


def back(amount: int, *lines: tuple[str, int, int], refund_id: str = "r", **fields: Any) -> dict[str, Any]:
    parts = [{"line_id": line_id, "quantity": quantity, "amount": part} for line_id, quantity, part in lines]
    return {"refund_id": refund_id, "at": TIME, "amount": amount, "lines": parts, **fields}


AB = (line("a", 1000), line("b", 1000))
ABC = (*AB, line("c", 1000))

CASES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "a line is worth its total": (order(line("a", 1000), line("b", 2000, tax=380)), [1000, 2000]),
    "less its tax where the total includes it": (order(line("a", 1190, tax=190), tax_included=True), [1000]),
    "less its share of order discounts, ties to the earlier line": (
        order(*ABC, discounts=[off(100)]),
        [1000 - 34, 1000 - 33, 1000 - 33],
    ),
    # 10 over 100:200:400 = 1.43, 2.86, 5.71; the two missing go to the remainders .86 and .71.
    "shared by total with the largest remainder": (
        order(line("a", 100), line("b", 200), line("c", 400), discounts=[off(10)]),
        [99, 197, 394],
    ),
    "all discounts together are shared once": (
        order(*ABC, discounts=[off(50), off(25, "points"), off(25, "other")]),
        [966, 967, 967],
    ),
    "a shipping discount is not shared": (order(*AB, shipping=500, discounts=[off(500, "shipping")]), [1000, 1000]),
    "shared by total also where it includes tax": (
        order(line("a", 1190, tax=190), line("b", 1190), tax_included=True, discounts=[off(200)]),
        [900, 1090],
    ),
    "gift cards are worth 0 and keep their share of the discount": (
        order(line("a", 1000, is_gift_card=True), line("b", 1000), discounts=[off(100)]),
        [0, 950],
    ),
    "a discount above everything leaves nothing, and nothing below 0": (order(*AB, discounts=[off(5000)]), [0, 0]),
    "an order of nothing": (order(discounts=[off(100)]), []),
    "a free line": (order(line("a", 0), line("b", 1000), discounts=[off(100)]), [0, 900]),
    # Half of a is left: (2000 − 250) / 2.
    "times what is left of it": (
        order(line("a", 2000, 2), line("b", 2000), discounts=[off(500)], refunds=[back(1000, ("a", 1, 1000))]),
        [875, 1750],
    ),
    # 966 × 333 / 1000 = 321.678
    "rounded down": (order(*ABC, discounts=[off(100)], refunds=[back(667, ("a", 0, 667))]), [321, 967, 967]),
    "a line whose quantity is wholly refunded is worth 0 although money is left": (
        order(*AB, refunds=[back(750, ("a", 1, 750))]),
        [0, 1000],
    ),
    "also over several refunds": (
        order(
            line("a", 2000, 2),
            refunds=[back(700, ("a", 1, 700)), back(700, ("a", 1, 700), refund_id="r2")],
        ),
        [0],
    ),
    "but not where a piece is left": (order(line("a", 2000, 2), refunds=[back(700, ("a", 1, 700))]), [1300]),
    "a piece that came back without money takes nothing": (
        order(line("a", 2000, 2), refunds=[back(0, ("a", 1, 0))]),
        [2000],
    ),
    "an amount without lines is spread by what is left": (order(*ABC, refunds=[back(1000)]), [666, 667, 667]),
    # a is gone, so that b bears it alone.
    "what exceeds the lines is spread over what they leave": (
        order(*AB, refunds=[back(1300, ("a", 1, 1000))]),
        [0, 700],
    ),
    "an amount first and a line later is the same as both at once": (
        order(*AB, refunds=[back(300), back(1000, ("a", 1, 1000), refund_id="r2")]),
        [0, 700],
    ),
    "refunded shipping explains its part of the amount": (
        order(*AB, shipping=500, refunds=[back(1500, ("a", 1, 1000), shipping=500)]),
        [0, 1000],
    ),
    "refunded tax explains its part where it is not included": (
        order(*AB, tax=380, refunds=[back(1190, ("a", 1, 1000), tax=190)]),
        [0, 1000],
    ),
    "and counts as 0 where it is included": (
        order(
            line("a", 1190, tax=190),
            line("b", 1190),
            tax_included=True,
            refunds=[back(1190, ("a", 1, 1000), tax=190)],
        ),
        [0, 1000],
    ),
    "an amount below its lines gives nothing back": (
        order(*AB, refunds=[back(500, ("a", 1, 1000)), back(100, refund_id="r2")]),
        [0, 900],
    ),
    "a refund of an unknown line takes nothing": (order(*AB, refunds=[back(400, ("zz", 1, 400))]), [1000, 1000]),
    "more than a line had takes nothing from others": (
        order(line("a", 1000, 3), line("b", 1000), refunds=[back(1600, ("a", 1, 1600))]),
        [0, 1000],
    ),
    "more than the whole order leaves 0": (order(*AB, refunds=[back(9999)]), [0, 0]),
    "C16: 100, of which 75 are refunded": (order(line("a", 10000), refunds=[back(7500)]), [2500]),
    "C24: the third line comes back": (
        order(line("a", 1000), line("b", 1000), line("c", 2000), refunds=[back(2000, ("c", 1, 2000))]),
        [1000, 1000, 0],
    ),
    "C15: half the discount stays with each line": (
        order(*AB, discounts=[off(500)], refunds=[back(1000, ("a", 1, 1000))]),
        [0, 750],
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES.keys())
def test_the_eligible_amount_of_each_line(given: dict[str, Any], expected: list[int]) -> None:
    amounts = eligible_amounts(given)
    assert amounts.lines == expected
    assert amounts.total == sum(expected)


@pytest.mark.parametrize("given", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_a_merged_order_is_worth_the_same(given: dict[str, Any]) -> None:
    assert eligible_amounts(from_event({"order": given}, TIME)) == eligible_amounts(given)


def test_without_refunds_the_order_is_worth_what_it_was() -> None:
    refunded = order(*ABC, discounts=[off(100)], refunds=[back(1000)])
    whole = order(*ABC, discounts=[off(100)])
    assert eligible_amounts(refunded, after_refunds=False) == eligible_amounts(whole)


def test_the_allocation_order_leaves_the_discount_with_what_is_left() -> None:
    """C14: 2 × 10 less 5; then one comes back, then the other."""
    lines = (line("a", 1000), line("b", 1000))
    first, second = back(1000, ("a", 1, 1000)), back(1000, ("b", 1, 1000), refund_id="r2")
    totals = [
        eligible_amounts(order(*lines, discounts=[off(500)], refunds=refunds), allocation="order").total
        for refunds in ([], [first], [first, second])
    ]
    assert totals == [1500, 500, 0]


def test_the_allocation_order_says_what_it_took() -> None:
    amounts = eligible_amounts(order(*AB, discounts=[off(500), off(300, "shipping")]), allocation="order")
    assert (amounts.lines, amounts.discount, amounts.total) == ([1000, 1000], 500, 1500)


def test_the_allocation_order_takes_included_tax_and_refunds_in_like_terms() -> None:
    # 1190 with 190 tax, twice; 1190 come back: 1000 are left.
    lines = (line("a", 1190, tax=190), line("b", 1190, tax=190))
    refunded = order(*lines, tax_included=True, refunds=[back(1190, ("a", 1, 1190))])
    assert eligible_amounts(refunded, allocation="order").total == 1000


def test_the_allocation_order_rounds_once() -> None:
    # Two lines of 3 with 1 tax each; 1 of 6 comes back by amount: 2 × 2/3 + 2 = 3.33.
    lines = (line("a", 3, tax=1), line("b", 3, tax=1))
    assert eligible_amounts(order(*lines, tax_included=True, refunds=[back(1)]), allocation="order").total == 3


ALL = Includes(tax=True, shipping=True, tip=True, gift_cards=True)


def test_what_a_program_may_count_besides() -> None:
    given = order(
        line("a", 1000, tax=190),
        line("b", 1000, tax=70, is_gift_card=True),
        shipping=500,
        tip=200,
        tax=300,
        discounts=[off(100, "shipping")],
    )
    assert eligible_amounts(given).total == 1000
    assert eligible_amounts(given, Includes(gift_cards=True)).lines == [1000, 1000]
    assert eligible_amounts(given, Includes(shipping=True)).beyond == 400
    assert eligible_amounts(given, Includes(tip=True)).beyond == 200
    taxed = eligible_amounts(given, Includes(tax=True))
    assert (taxed.lines, taxed.beyond) == ([1190, 0], 40)
    everything = eligible_amounts(given, ALL)
    assert everything.total == 1190 + 1070 + 400 + 200 + 40


def test_included_tax_may_count_and_is_counted_once() -> None:
    given = order(line("a", 1190, tax=190), tax=190, tax_included=True)
    assert eligible_amounts(given, Includes(tax=True)).total == 1190


def test_refunded_shipping_counts_no_more() -> None:
    given = order(line("a", 1000), shipping=500, refunds=[back(300, shipping=300)])
    assert eligible_amounts(given, Includes(shipping=True)).total == 1200
    given["refunds"][0] |= {"shipping": 900, "amount": 900}
    assert eligible_amounts(given, Includes(shipping=True)).total == 1000


def test_tax_that_no_line_names_goes_with_the_lines() -> None:
    given = order(line("a", 1000), line("b", 1000), tax=400, refunds=[back(1200, ("a", 1, 1000), tax=200)])
    assert eligible_amounts(given, Includes(tax=True)).total == 1200
