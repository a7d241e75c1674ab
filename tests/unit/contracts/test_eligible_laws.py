"""What holds for the eligible amounts of every order."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from comeback_contracts.eligible import eligible_amounts
from comeback_contracts.order_amounts import Includes
from comeback_contracts.remaining import remaining
from comeback_contracts.shares import shares

AMOUNTS = st.integers(0, 50_000)
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "total": AMOUNTS,
            "quantity": st.integers(1, 4),
            "tax": st.integers(0, 9_000),
            "is_gift_card": st.booleans(),
        }
    ),
    max_size=5,
).map(lambda lines: [{"line_id": str(place), **line} for place, line in enumerate(lines)])
DISCOUNTS = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(("order", "shipping", "points")), "amount": AMOUNTS}), max_size=3
)
# A piece of a refund: what comes back of one line (or of none), and money that no line explains.
PIECES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), AMOUNTS, st.integers(0, 500)), max_size=6)
ORDERS = st.fixed_dictionaries(
    {"order_id": st.just("1"), "lines": LINES, "discounts": DISCOUNTS, "tax_included": st.booleans()}
)
INCLUDES = st.builds(Includes, st.booleans(), st.booleans(), st.booleans(), st.booleans())


def refunds(pieces: list[tuple[int, int, int, int]], cuts: list[int]) -> dict[str, Any]:
    """The pieces as refunds, cut apart at the given places."""
    edges = sorted({0, len(pieces), *(cut % (len(pieces) + 1) for cut in cuts)})
    given: dict[str, Any] = {}
    for start, end in pairwise(edges):
        part = pieces[start:end]
        given[f"r{start}"] = {
            "refund_id": f"r{start}",
            "lines": [{"line_id": str(at), "quantity": count, "amount": amount} for at, count, amount, _ in part],
            "amount": sum(amount + more for _, _, amount, more in part),
        }
    return given


@settings(max_examples=400, deadline=None)
@given(ORDERS, PIECES, INCLUDES)
def test_nothing_is_ever_below_0_nor_above_what_it_was(
    order: dict[str, Any], pieces: list[Any], includes: Includes
) -> None:
    order = {**order, "refunds": refunds(pieces, []), "shipping": 300, "tip": 50, "tax": 700}
    for allocation in ("per_line", "order"):
        now = eligible_amounts(order, includes, allocation=allocation)
        before = eligible_amounts(order, includes, allocation=allocation, after_refunds=False)
        assert all(0 <= left <= whole for left, whole in zip(now.lines, before.lines, strict=True))
        assert 0 <= now.beyond <= before.beyond
        assert 0 <= now.total <= before.total


@settings(max_examples=400, deadline=None)
@given(ORDERS, PIECES, st.lists(st.integers(0, 10), max_size=4), st.randoms(use_true_random=False))
def test_any_split_of_a_refund_gives_the_same(
    order: dict[str, Any], pieces: list[Any], cuts: list[int], rng: Any
) -> None:
    at_once = {**order, "refunds": refunds(pieces, [])}
    rng.shuffle(pieces)
    in_parts = {**order, "refunds": refunds(pieces, cuts)}
    for allocation in ("per_line", "order"):
        assert eligible_amounts(in_parts, allocation=allocation) == eligible_amounts(at_once, allocation=allocation)


@settings(max_examples=400, deadline=None)
@given(ORDERS, PIECES)
def test_without_discount_and_tax_exactly_the_refunded_money_is_gone(order: dict[str, Any], pieces: list[Any]) -> None:
    """An amount that fits is taken to the unit: no money is lost or made by spreading it."""
    money = sum(more for *_, more in pieces)
    order = {**order, "refunds": {"r": {"refund_id": "r", "amount": money}}}
    total = sum(line["total"] for line in order["lines"])
    assert sum(remaining(order).amounts) == max(0, total - money)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), max_size=8))
def test_shares_add_up_and_are_fair_to_the_unit(amount: int, weights: list[int]) -> None:
    parts = shares(amount, weights)
    weight = sum(weights)
    assert sum(parts) == (amount if weight else 0)
    for part, one in zip(parts, weights, strict=True):
        assert weight == 0 or abs(part * weight - amount * one) < weight


@given(st.integers(0, 1000), st.integers(1, 8))
def test_equal_weights_favor_the_earlier(amount: int, count: int) -> None:
    parts = shares(amount, [7] * count)
    assert parts == sorted(parts, reverse=True)
