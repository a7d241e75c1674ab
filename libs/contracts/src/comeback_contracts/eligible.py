"""The eligible amount of an order: what of it may earn, spend or count, in minor units (CONTRACT §2 and §4). Pure."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, Literal

from comeback_contracts.order_amounts import GOODS, Eligible, Includes, Remaining
from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import LineView, Order, OrderView, RefundView
from comeback_contracts.remaining import refunds_of, remaining
from comeback_contracts.shares import shares

EarnOn = Literal["paid", "placed", "fulfilled", "delivered"]
Allocation = Literal["per_line", "order"]

_FIELDS: Final = {"paid": "paid_at", "placed": "placed_at", "fulfilled": "fulfilled_at", "delivered": "delivered_at"}
_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})


def eligible_amounts(
    order: Order,
    includes: Includes = GOODS,
    *,
    allocation: Allocation = "per_line",
    after_refunds: bool = True,
) -> Eligible:
    """The eligible amounts of an order (an order state, or an order as it was sent).

    ``after_refunds=False``: as if nothing had been refunded, which ``proportional`` claw-back measures by.
    """
    order = view_of(order)
    lines: Sequence[LineView] = order.lines or ()
    refunds = refunds_of(order) if after_refunds else []
    left = remaining(order) if refunds else None
    worth = _worths(lines, includes, tax_included=bool(order.tax_included))
    beyond = _beyond(order, includes, refunds, left)
    discount = _order_discount(order) if order.discounts else 0
    if allocation == "per_line":
        if discount:
            taken = shares(discount, [line.total for line in lines])
            worth = [max(0, amount - share) for amount, share in zip(worth, taken, strict=True)]
        amounts = _scaled(worth, lines, left)
        return Eligible(amounts, beyond, 0, sum(amounts) + beyond)
    amounts = _scaled(worth, lines, left)
    goods = sum(amounts) if left is None else _exact(worth, lines, left)
    return Eligible(amounts, beyond, discount, max(0, goods - discount) + beyond)


def counts(order: Order, earn_on: EarnOn = "paid") -> bool:
    """Whether an order is worth anything to a program that earns on ``earn_on``."""
    order = view_of(order)
    return bool(
        order.customer is not None
        and order.customer.customer_id
        and order.placed_at
        and not order.is_test
        and order.state != "cancelled"
        and _reached(order, earn_on)
        and (not order.refunds or is_something_left(order))
    )


def is_something_left(order: Order) -> bool:
    """Whether refunds have left anything of an order; False for one whose whole total went back, by whatever lines."""
    order = view_of(order)
    refunded = sum(refund.amount or 0 for refund in refunds_of(order))
    if 0 < (order.total or 0) <= refunded:
        return False
    lines = order.lines or ()
    if not lines:
        return True
    left = remaining(order)
    return any(
        quantity > 0 and (amount > 0 or line.total == 0)
        for line, amount, quantity in zip(lines, left.amounts, left.quantities, strict=True)
    )


def earned_at(order: Order, earn_on: EarnOn = "paid") -> str:
    """The instant (canonical text) at which an order earns: that of ``earn_on``, else ``placed_at``.

    Raises ``ValueError`` for one of which only refunds have come.
    """
    order = view_of(order)
    instant: str | None = getattr(order, _FIELDS[earn_on]) or order.placed_at
    if instant is None:
        raise ValueError("the order has not been seen")
    return instant


def _reached(order: OrderView, earn_on: EarnOn) -> bool:
    payment = order.payment_state or "pending"
    if payment not in _PAID and not (earn_on == "placed" and payment == "pending"):
        return False
    if earn_on == "fulfilled":
        return order.fulfilment_state in _FULFILLED
    return earn_on != "delivered" or order.fulfilment_state == "delivered"


def _worths(lines: Sequence[LineView], includes: Includes, *, tax_included: bool) -> list[int]:
    """What each line is worth before order discounts and refunds."""
    if tax_included and not includes.tax:
        worth = [line.total - line.tax if line.tax else line.total for line in lines]
        if worth and min(worth) < 0:
            worth = [max(0, amount) for amount in worth]
    elif includes.tax and not tax_included:
        worth = [line.total + (line.tax or 0) for line in lines]
    else:
        worth = [line.total for line in lines]
    if not includes.gift_cards:
        for place, line in enumerate(lines):
            if line.is_gift_card:
                worth[place] = 0
    return worth


def _order_discount(order: OrderView) -> int:
    return sum(one.amount for one in order.discounts or () if one.kind != "shipping")


def _scaled(worth: list[int], lines: Sequence[LineView], left: Remaining | None) -> list[int]:
    """× what is left of each line, rounded down."""
    if left is None:
        return worth
    return [
        _left_of(amount, line, left.amounts[place], left.quantities[place])
        for place, (amount, line) in enumerate(zip(worth, lines, strict=True))
    ]


def _left_of(worth: int, line: LineView, amount: int, quantity: int) -> int:
    if quantity <= 0:
        return 0
    return worth * amount // line.total if line.total else worth


def _exact(worth: list[int], lines: Sequence[LineView], left: Remaining) -> int:
    """Σ worth × what is left, rounded down once: the allocation ``order`` looks at the order as a whole."""
    total = Fraction(0)
    for amount, line, kept, quantity in zip(worth, lines, left.amounts, left.quantities, strict=True):
        if quantity > 0 and line.total:
            total += Fraction(amount * kept, line.total)
    return int(total)


def _beyond(order: OrderView, includes: Includes, refunds: list[RefundView], left: Remaining | None) -> int:
    """Shipping, tip, and tax that stands in no line, as far as they count, less what was refunded of them."""
    amount = 0
    if includes.shipping:
        amount += _shipping(order, refunds)
    if includes.tip:
        amount += order.tip or 0
    if includes.tax and not order.tax_included:
        amount += _tax(order, left)
    return amount


def _shipping(order: OrderView, refunds: list[RefundView]) -> int:
    off = sum(one.amount for one in order.discounts or () if one.kind == "shipping")
    back = sum(refund.shipping or 0 for refund in refunds)
    return max(0, (order.shipping or 0) - off - back)


def _tax(order: OrderView, left: Remaining | None) -> int:
    """Tax of the order that no line names; of it as much is left as of the lines."""
    lines = order.lines or ()
    tax = max(0, (order.tax or 0) - sum(line.tax or 0 for line in lines))
    total = sum(line.total for line in lines)
    return tax * sum(left.amounts) // total if left is not None and total else tax
