"""A Shopify order as the contract's: its state is that of the body; the topic only says what the body leaves open."""

from collections.abc import Mapping
from typing import Any, Final

from comeback_contracts.money import is_currency
from gateway.webhooks.mapped import Unmappable
from gateway.webhooks.shopify import people
from gateway.webhooks.shopify.refunds import refunds
from gateway.webhooks.shopify.sums import is_tip, reconciled
from gateway.webhooks.shopify.values import (
    Json,
    amount,
    first_instant,
    identifier,
    latest,
    needed,
    parts,
    text,
)

_PAYMENT: Final[Mapping[str, str]] = {
    "paid": "paid",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
    "voided": "voided",
}  # pending, authorized, partially_paid, expired and whatever comes next: nothing counts before it is paid
_FULFILMENT: Final[Mapping[str, str]] = {"fulfilled": "fulfilled", "partial": "partial"}
_NOT_SENT: Final = frozenset({"cancelled", "error", "failure"})


def order(body: Json, topic: str) -> dict[str, Any]:
    """``data.order``. Raises ``Unmappable`` without id, currency, total or instants."""
    currency = body.get("currency")
    if not isinstance(currency, str) or not is_currency(currency):
        raise Unmappable("the order's currency is missing or unknown")
    updated_at = first_instant((body.get("updated_at"), body.get("created_at"), body.get("processed_at")))
    placed_at = first_instant((body.get("processed_at"), body.get("created_at"), updated_at))
    if updated_at is None or placed_at is None:
        raise Unmappable("the order has no updated_at")
    if body.get("total_price") is None:
        raise Unmappable("the order has no total_price")
    mapped: dict[str, Any] = {
        "order_id": needed(body.get("id"), "the order's id"),
        "number": text(body.get("name")),
        "is_test": body.get("test") is True,
        "channel": text(body.get("source_name"), 256),
        "currency": currency,
        "tax_included": body.get("taxes_included") is True,
        "customer": people.order_customer(body),
        "lines": lines(body, currency),
        "refunds": refunds(parts(body, "refunds"), currency, fallback_at=updated_at),
        "attributes": _attributes(body),
        "placed_at": placed_at,
        "updated_at": updated_at,
        **_states(body, topic, updated_at),
    }
    return reconciled(mapped, body, currency)


def lines(body: Json, currency: str) -> list[dict[str, Any]]:
    """The lines, gross of refunds; order discounts are in them already, by Shopify's own allocation."""
    found: dict[str, dict[str, Any]] = {}
    for place, item in enumerate(parts(body, "line_items")):
        quantity = item.get("quantity")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity <= 0 or is_tip(item):
            continue
        line_id = identifier(item.get("id")) or f"line-{place}"
        unit_price = amount(item, "price", currency)
        discount = min(_discount(item, currency), quantity * unit_price)
        found[line_id] = {
            "line_id": line_id,
            "product_id": identifier(item.get("product_id")),
            "variant_id": identifier(item.get("variant_id")),
            "sku": text(item.get("sku")),
            "title": text(item.get("title")) or text(item.get("name")) or "",
            "quantity": quantity,
            "unit_price": unit_price,
            "discount": discount,
            "tax": sum(amount(tax, "price", currency) for tax in parts(item, "tax_lines")),
            "total": quantity * unit_price - discount,
            "is_gift_card": item.get("gift_card") is True,
        }
    return list(found.values())


def _discount(item: Json, currency: str) -> int:
    # total_discount holds only the line's own discounts; the allocations hold those of the whole order, too.
    if isinstance(item.get("discount_allocations"), list):
        return sum(amount(one, "amount", currency) for one in parts(item, "discount_allocations"))
    return amount(item, "total_discount", currency)


def _states(body: Json, topic: str, updated_at: str) -> dict[str, Any]:
    cancelled_at = first_instant((body.get("cancelled_at"),))
    if cancelled_at is None and topic == "orders/cancelled":
        cancelled_at = updated_at
    state = "open" if first_instant((body.get("closed_at"),)) is None else "closed"
    payment = _PAYMENT.get(str(body.get("financial_status")), "pending")
    if payment == "pending" and topic == "orders/paid":
        payment = "paid"
    return {
        "state": state if cancelled_at is None else "cancelled",
        "cancelled_at": cancelled_at,
        "payment_state": payment,
        **_fulfilment(body, topic, updated_at),
    }


def _fulfilment(body: Json, topic: str, updated_at: str) -> dict[str, Any]:
    state = _FULFILMENT.get(str(body.get("fulfillment_status")), "unfulfilled")
    if topic == "orders/fulfilled":
        state = "fulfilled"
    elif topic == "orders/partially_fulfilled" and state == "unfulfilled":
        state = "partial"
    if state != "fulfilled":
        return {"fulfilment_state": state}
    sent = [one for one in parts(body, "fulfillments") if one.get("status") not in _NOT_SENT]
    fulfilled_at = latest(one.get("created_at") for one in sent) or updated_at
    if not sent or any(one.get("shipment_status") != "delivered" for one in sent):
        return {"fulfilment_state": state, "fulfilled_at": fulfilled_at}
    delivered_at = latest(one.get("updated_at") or one.get("created_at") for one in sent) or updated_at
    return {"fulfilment_state": "delivered", "fulfilled_at": fulfilled_at, "delivered_at": delivered_at}


def _attributes(body: Json) -> dict[str, Any] | None:
    # Not note_attributes: people write names, addresses and greetings there, which have no place on the orders topic.
    tags = text(body.get("tags"))
    presentment = text(body.get("presentment_currency"), 3)
    found = {"tags": tags, "presentment_currency": None if presentment == body.get("currency") else presentment}
    kept = {name: value for name, value in found.items() if value is not None}
    return kept or None
