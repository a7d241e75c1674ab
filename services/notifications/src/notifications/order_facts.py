"""The few facts of a merged order (``comeback_contracts.order_merge``) that messages are made of. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comeback_contracts.instants import parse_instant
from comeback_contracts.order_merge import OrderState, has_snapshot

_HAPPENED: Final = ("placed_at", "paid_at", "fulfilled_at", "delivered_at", "cancelled_at")
_TOLD_BY_TYPE: Final = {"order.fulfilled": "fulfilled_at", "order.delivered": "delivered_at"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order; ``total`` in minor units, gross of refunds."""

    title: str
    quantity: int
    total: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as a customer would recognize it. Money in minor units of ``currency``."""

    number: str
    placed_at: datetime
    currency: str
    lines: tuple[Line, ...]
    discount: int
    shipping: int
    tax: int
    tax_included: bool
    tip: int
    total: int
    refunded: int
    cancelled: bool
    delivered: bool
    locale: str | None


def without_notes(state: OrderState) -> OrderState:
    """The order without its attributes and its lines': engravings, gift notes, names. No mail says them, so none stay.

    Taken off before anything is merged, so that the merge stays the same in every order of the events.
    """
    kept = {name: value for name, value in state.items() if name != "attributes"}
    if "lines" in kept:
        kept["lines"] = [
            {name: value for name, value in line.items() if name != "attributes"} for line in kept["lines"]
        ]
    return kept


def customer_of(state: OrderState) -> str | None:
    """The order's customer, as far as it is known."""
    customer: dict[str, Any] = state.get("customer") or {}
    return customer.get("customer_id")


def placed_at(state: OrderState) -> datetime | None:
    """When the order was placed; None while only refunds of it have come."""
    return parse_instant(state["placed_at"]) if has_snapshot(state) else None


def happened(state: OrderState) -> Iterator[datetime]:
    """When things happened to the order: placed, paid, sent, delivered, cancelled, refunded."""
    for name in _HAPPENED:
        if name in state:
            yield parse_instant(state[name])
    for refund in state["refunds"].values():
        if "at" in refund:
            yield parse_instant(refund["at"])


def undated_step(state: OrderState, event_type: str, event_at: datetime) -> datetime | None:
    """When an event that is news of a delivery says that it happened, where its order has no instant for it.

    Not later than the order's own state: an import of today that carries old states stays old.
    """
    name = _TOLD_BY_TYPE.get(event_type)
    if name is None or name in state or not has_snapshot(state):
        return None
    return min(event_at, parse_instant(state["updated_at"]))


def facts_of(state: OrderState | None) -> OrderFacts | None:
    """The facts of an order, or None while it has not come (or only refunds of it have)."""
    if state is None or not has_snapshot(state):
        return None
    lines = tuple(
        Line(line.get("title") or line.get("sku") or line["line_id"], line["quantity"], line["total"])
        for line in state["lines"]
    )
    return OrderFacts(
        number=state.get("number") or state["order_id"],
        placed_at=parse_instant(state["placed_at"]),
        currency=state["currency"],
        lines=lines,
        discount=sum(discount["amount"] for discount in state.get("discounts", ())),
        shipping=state.get("shipping", 0),
        tax=state.get("tax", 0),
        tax_included=state.get("tax_included", False),
        tip=state.get("tip", 0),
        total=state["total"],
        refunded=sum(refund.get("amount", 0) for refund in state["refunds"].values()),
        cancelled=state.get("state") == "cancelled",
        delivered=state.get("fulfilment_state") == "delivered" or "delivered_at" in state,
        locale=(state.get("customer") or {}).get("locale"),
    )
