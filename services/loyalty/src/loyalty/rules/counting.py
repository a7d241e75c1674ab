"""Whether an order counts (CONTRACT §2), and the reason where it does not."""

from typing import Final

from comeback_contracts.eligible import EarnOn, counts
from loyalty.rules.basket import Order

_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})
_ASSUMED: Final = {"payment_state": "paid", "fulfilment_state": "delivered", "customer": {"customer_id": "anyone"}}


def why_it_does_not_count(order: Order, earn_on: EarnOn, *, assume: bool = False) -> str | None:
    """None where the order counts, else a stable reason.

    ``assume`` takes the order as paid, far enough, and of a known customer, which a preview asks about.
    """
    if assume:
        order = {**order, **_ASSUMED}
    if counts(order, earn_on):
        return None
    if "placed_at" not in order:
        return "order_not_seen"
    if order.get("state") == "cancelled":
        return "cancelled"
    return "test_order" if order.get("is_test") else _not_yet(order, earn_on)


def _not_yet(order: Order, earn_on: EarnOn) -> str:
    payment = order.get("payment_state", "pending")
    if payment == "refunded":
        return "refunded"
    if payment not in _PAID and not (earn_on == "placed" and payment == "pending"):
        return "not_paid"
    if earn_on == "fulfilled" and order.get("fulfilment_state") not in _FULFILLED:
        return "not_fulfilled"
    if earn_on == "delivered" and order.get("fulfilment_state") != "delivered":
        return "not_delivered"
    return "nothing_left" if (order.get("customer") or {}).get("customer_id") else "no_customer"
