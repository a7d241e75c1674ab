"""What is left of an order, in products. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from comeback_contracts.instants import is_in_the_future, parse_instant
from comeback_contracts.order_merge import OrderState
from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import OrderView
from comeback_contracts.remaining import refunds_of, remaining


def products_left(state: OrderState) -> dict[str, int]:
    """The products that were bought and kept, in line order, with the money that is left of each, in minor units.

    Nothing of a test, of a cancelled or voided order, or of one that is wholly refunded. A line goes with its last
    piece or its last cent.
    """
    if (
        state.get("is_test")
        or state.get("state") == "cancelled"
        or state.get("payment_state") in ("voided", "refunded")
    ):
        return {}
    if state.get("refunds"):
        return _left_after_refunds(view_of(state))
    kept: dict[str, int] = {}
    for line in state.get("lines") or ():
        if line.get("product_id") and line["quantity"] > 0 and line["total"] >= 0:
            kept[line["product_id"]] = kept.get(line["product_id"], 0) + line["total"]
    return kept


def _left_after_refunds(order: OrderView) -> dict[str, int]:
    if 0 < (order.total or 0) <= sum(refund.amount or 0 for refund in refunds_of(order)):
        return {}
    kept: dict[str, int] = {}
    left = remaining(order)
    for line, amount, quantity in zip(order.lines or (), left.amounts, left.quantities, strict=True):
        if line.product_id and quantity > 0 and (amount > 0 or line.total == 0):
            kept[line.product_id] = kept.get(line.product_id, 0) + amount
    return kept


def all_products(state: OrderState) -> list[str]:
    """Every product of the order, also those that were given back."""
    return list(dict.fromkeys(line["product_id"] for line in state.get("lines") or () if line.get("product_id")))


def placed_at(state: OrderState, now: datetime) -> datetime | None:
    """When the order was placed; None while only refunds of it have come.

    An order that the shop dates in the future was placed when the shop last spoke of it, at the latest now: in the
    decayed sums it would make nothing of all others. As long as it is the future, this depends on the order alone and
    not on when or in which order its events arrived.
    """
    text = state.get("placed_at")
    if text is None:
        return None
    said = parse_instant(text)
    if not is_in_the_future(said, now):
        return said
    return min(parse_instant(state["updated_at"]), now)


def customer_of(state: OrderState) -> str | None:
    """The customer that the order names."""
    customer: Mapping[str, Any] = state.get("customer") or {}
    return customer.get("customer_id")


def without_customer(state: OrderState) -> OrderState:
    """The same order as nobody's."""
    return {name: value for name, value in state.items() if name != "customer"}


def given_back(state: OrderState) -> list[str]:
    """The products that were kept once and came back, wholly: by refunds, not because the order was cancelled."""
    refunded = state.get("refunds") or state.get("payment_state") == "refunded"
    if state.get("is_test") or state.get("state") == "cancelled" or not refunded:
        return []
    left = products_left(state)
    return [product_id for product_id in all_products(state) if product_id not in left]


def cited(state: OrderState) -> str | None:
    """The answer that the shop says led to the order: `rec_id` in the order's attributes."""
    rec_id = (state.get("attributes") or {}).get("rec_id")
    return rec_id if isinstance(rec_id, str) else None
