"""Whether an order counts (CONTRACT §2), and the reason where it does not."""

from typing import Final

import msgspec

from comeback_contracts.eligible import EarnOn, counts, is_something_left
from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import CustomerView, Order, OrderView
from comeback_contracts.remaining import remaining

_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})
_GONE: Final = frozenset({"refunded", "voided"})
_ANYONE: Final = CustomerView(customer_id="anyone")


def why_it_does_not_count(order: Order, earn_on: EarnOn, *, assume: bool = False) -> str | None:
    """None where the order counts, else a stable reason.

    ``assume`` takes the order as paid, far enough, and of a known customer, which a preview asks about.
    """
    order = view_of(order)
    if assume:
        order = msgspec.structs.replace(order, payment_state="paid", fulfilment_state="delivered", customer=_ANYONE)
    if counts(order, earn_on):
        return None
    if order.placed_at is None:
        return "order_not_seen"
    if order.state == "cancelled":
        return "cancelled"
    return "test_order" if order.is_test else _not_yet(order, earn_on)


def _not_yet(order: OrderView, earn_on: EarnOn) -> str:
    payment = order.payment_state or "pending"
    if payment == "refunded":
        return "refunded"
    if payment not in _PAID and not (earn_on == "placed" and payment == "pending"):
        return "not_paid"
    if earn_on == "fulfilled" and order.fulfilment_state not in _FULFILLED:
        return "not_fulfilled"
    if earn_on == "delivered" and order.fulfilment_state != "delivered":
        return "not_delivered"
    return "nothing_left" if order.customer is not None and order.customer.customer_id else "no_customer"


def goods_left(order: Order) -> tuple[int, int]:
    """How much of an order's goods is left, and of how much: what a return of spent points goes by.

    In the terms of ``line.total``, or in units where the goods cost nothing. A cancelled, voided or wholly refunded
    order has nothing left; one without lines counts as one piece.
    """
    order = view_of(order)
    lines, left = order.lines or (), remaining(order)
    full, still = sum(line.total for line in lines), sum(left.amounts)
    if full <= 0:
        full, still = sum(line.quantity for line in lines), sum(left.quantities)
    if not lines:  # of which only a refund has come yet, or a shop that tells of none
        full = still = 1
    gone = order.state == "cancelled" or order.payment_state in _GONE or not is_something_left(order)
    return (0 if gone else still), full
