"""The eligible amount of an order: what of it may earn, spend or count, in minor units (CONTRACT §2 and §4). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

from comeback_contracts.remaining import Remaining, refunds_of, remaining
from comeback_contracts.shares import shares

EarnOn = Literal["paid", "placed", "fulfilled", "delivered"]
Allocation = Literal["per_line", "order"]

_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})


@dataclass(frozen=True, slots=True)
class Includes:
    """What a program counts besides goods before tax."""

    tax: bool = False
    shipping: bool = False
    tip: bool = False
    gift_cards: bool = False


GOODS: Final = Includes()


@dataclass(frozen=True, slots=True)
class Eligible:
    """Eligible amounts in minor units of the order's currency.

    ``lines`` are in the order of the order's lines. ``beyond`` is what no line has: shipping, tip and tax, where they
    count. ``total`` = Σ ``lines`` + ``beyond`` − ``discount``, never below 0; ``discount`` is what the allocation
    ``order`` takes from the whole instead of from its lines, and 0 with ``per_line``.
    """

    lines: list[int]
    beyond: int
    discount: int
    total: int


def eligible_amounts(
    order: Mapping[str, Any],
    includes: Includes = GOODS,
    *,
    allocation: Allocation = "per_line",
    after_refunds: bool = True,
) -> Eligible:
    """The eligible amounts of an order (an order state, or an order as it was sent).

    ``after_refunds=False``: as if nothing had been refunded, which ``proportional`` claw-back measures by.
    """
    lines: Sequence[Mapping[str, Any]] = order.get("lines") or ()
    refunds = refunds_of(order) if after_refunds else []
    left = remaining(order) if refunds else None
    worth = _worths(lines, includes, tax_included=bool(order.get("tax_included")))
    beyond = _beyond(order, includes, refunds, left)
    discount = _order_discount(order)
    if allocation == "per_line":
        if discount:
            taken = shares(discount, [line["total"] for line in lines])
            worth = [max(0, amount - share) for amount, share in zip(worth, taken, strict=True)]
        amounts = _scaled(worth, lines, left)
        return Eligible(amounts, beyond, 0, sum(amounts) + beyond)
    amounts = _scaled(worth, lines, left)
    goods = sum(amounts) if left is None else _exact(worth, lines, left)
    return Eligible(amounts, beyond, discount, max(0, goods - discount) + beyond)


def counts(order: Mapping[str, Any], earn_on: EarnOn = "paid") -> bool:
    """Whether an order is worth anything to a program that earns on ``earn_on``."""
    customer = order.get("customer") or {}
    return bool(
        customer.get("customer_id")
        and order.get("placed_at")
        and not order.get("is_test")
        and order.get("state") != "cancelled"
        and _reached(order, earn_on)
        and _is_something_left(order)
    )


def earned_at(order: Mapping[str, Any], earn_on: EarnOn = "paid") -> str:
    """The instant (canonical text) at which an order earns: that of ``earn_on``, else ``placed_at``."""
    instant: str = order.get(f"{earn_on}_at") or order["placed_at"]
    return instant


def _reached(order: Mapping[str, Any], earn_on: EarnOn) -> bool:
    payment = order.get("payment_state", "pending")
    if payment not in _PAID and not (earn_on == "placed" and payment == "pending"):
        return False
    if earn_on == "fulfilled":
        return order.get("fulfilment_state") in _FULFILLED
    return earn_on != "delivered" or order.get("fulfilment_state") == "delivered"


def _is_something_left(order: Mapping[str, Any]) -> bool:
    refunds = refunds_of(order)
    if not refunds:
        return True
    refunded = sum(refund.get("amount") or 0 for refund in refunds)
    if 0 < order["total"] <= refunded:
        return False
    lines = order.get("lines") or ()
    if not lines:
        return True
    left = remaining(order)
    return any(
        quantity > 0 and (amount > 0 or line["total"] == 0)
        for line, amount, quantity in zip(lines, left.amounts, left.quantities, strict=True)
    )


def _worths(lines: Sequence[Mapping[str, Any]], includes: Includes, *, tax_included: bool) -> list[int]:
    """What each line is worth before order discounts and refunds."""
    worth = [line["total"] for line in lines]
    if tax_included and not includes.tax:
        worth = [max(0, total - (line.get("tax") or 0)) for total, line in zip(worth, lines, strict=True)]
    elif includes.tax and not tax_included:
        worth = [total + (line.get("tax") or 0) for total, line in zip(worth, lines, strict=True)]
    if not includes.gift_cards:
        for place, line in enumerate(lines):
            if line.get("is_gift_card"):
                worth[place] = 0
    return worth


def _order_discount(order: Mapping[str, Any]) -> int:
    return sum(one["amount"] for one in order.get("discounts") or () if one.get("kind") != "shipping")


def _scaled(worth: list[int], lines: Sequence[Mapping[str, Any]], left: Remaining | None) -> list[int]:
    """× what is left of each line, rounded down."""
    if left is None:
        return worth
    return [
        _left_of(amount, line, left.amounts[place], left.quantities[place])
        for place, (amount, line) in enumerate(zip(worth, lines, strict=True))
    ]


def _left_of(worth: int, line: Mapping[str, Any], amount: int, quantity: int) -> int:
    if quantity <= 0:
        return 0
    total: int = line["total"]
    return worth * amount // total if total else worth


def _exact(worth: list[int], lines: Sequence[Mapping[str, Any]], left: Remaining) -> int:
    """Σ worth × what is left, rounded down once: the allocation ``order`` looks at the order as a whole."""
    total = Fraction(0)
    for amount, line, kept, quantity in zip(worth, lines, left.amounts, left.quantities, strict=True):
        if quantity > 0 and line["total"]:
            total += Fraction(amount * kept, line["total"])
    return int(total)


def _beyond(
    order: Mapping[str, Any], includes: Includes, refunds: list[Mapping[str, Any]], left: Remaining | None
) -> int:
    """Shipping, tip, and tax that stands in no line, as far as they count, less what was refunded of them."""
    amount = 0
    if includes.shipping:
        amount += _shipping(order, refunds)
    if includes.tip:
        amount += order.get("tip") or 0
    if includes.tax and not order.get("tax_included"):
        amount += _tax(order, left)
    return amount


def _shipping(order: Mapping[str, Any], refunds: list[Mapping[str, Any]]) -> int:
    off: int = sum(one["amount"] for one in order.get("discounts") or () if one.get("kind") == "shipping")
    back: int = sum(refund.get("shipping") or 0 for refund in refunds)
    return max(0, (order.get("shipping") or 0) - off - back)


def _tax(order: Mapping[str, Any], left: Remaining | None) -> int:
    """Tax of the order that no line names; of it as much is left as of the lines."""
    lines = order.get("lines") or ()
    tax: int = max(0, (order.get("tax") or 0) - sum(line.get("tax") or 0 for line in lines))
    total: int = sum(line["total"] for line in lines)
    return tax * sum(left.amounts) // total if left is not None and total else tax
