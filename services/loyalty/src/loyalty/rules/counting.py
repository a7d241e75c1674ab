"""Whether an order counts (CONTRACT §2), and the reason where it does not."""

from typing import Final

from loyalty.program.document import EarnOn
from loyalty.rules.basket import Order, refunds_of, remaining

_PAID: Final = frozenset({"paid", "partially_refunded"})
_FULFILLED: Final = frozenset({"fulfilled", "delivered"})


def why_it_does_not_count(order: Order, earn_on: EarnOn, *, assume: bool = False) -> str | None:
    """None where the order counts, else a stable reason.

    ``assume`` takes the order as paid, far enough, and of a known customer, which a preview asks about.
    """
    if "lines" not in order:
        return "order_not_seen"
    if order.get("state") == "cancelled":
        return "cancelled"
    if order.get("is_test"):
        return "test_order"
    if not assume:
        why = _not_yet(order, earn_on)
        if why is not None:
            return why
    return "nothing_left" if order.get("refunds") and not _something_left(order) else None


def _not_yet(order: Order, earn_on: EarnOn) -> str | None:
    payment = order.get("payment_state")
    if payment not in _PAID and not (earn_on == "placed" and payment == "pending"):
        return "not_paid"
    if earn_on == "fulfilled" and order.get("fulfilment_state") not in _FULFILLED:
        return "not_fulfilled"
    if earn_on == "delivered" and order.get("fulfilment_state") != "delivered":
        return "not_delivered"
    return None if (order.get("customer") or {}).get("customer_id") else "no_customer"


def _something_left(order: Order) -> bool:
    lines = order["lines"]
    totals, units = remaining(lines, refunds_of(order), tax_included=bool(order.get("tax_included")))
    return any(
        total > 0 or (line["total"] == 0 and count > 0) for line, total, count in zip(lines, totals, units, strict=True)
    )
