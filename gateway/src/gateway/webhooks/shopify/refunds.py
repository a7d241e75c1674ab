"""Refunds: goods taken back (``refund_line_items``) and money given back (``transactions``), kept apart by Shopify."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.webhooks.mapped import Unmappable
from gateway.webhooks.shopify.values import (
    Json,
    amount,
    first_instant,
    identifier,
    minor,
    needed,
    part,
    parts,
    shop_money,
)

_SHIPPING: Final = "shipping_refund"


def refund(item: Json, currency: str, *, fallback_at: str | None) -> dict[str, Any]:
    """One refund of an order in ``currency``. Raises ``Unmappable`` without an id or an instant."""
    at = first_instant((item.get("processed_at"), item.get("created_at"), fallback_at))
    if at is None:
        raise Unmappable("the refund has no instant")
    lines = _lines(item, currency)
    shipping, shipping_tax = _shipping(item, currency)
    tax = sum(amount(one, "total_tax", currency) for one in parts(item, "refund_line_items")) + shipping_tax
    explained = sum(line["amount"] for line in lines) + shipping + tax
    paid_back = _paid_back(item, currency)
    return {
        "refund_id": needed(item.get("id"), "the refund's id"),
        "at": at,
        "lines": lines,
        "shipping": shipping,
        "tax": tax,
        "amount": explained if paid_back is None else paid_back,
    }


def refunds(items: Sequence[Json], currency: str, *, fallback_at: str | None) -> list[dict[str, Any]]:
    """The refunds nested in an order, each id once."""
    found = {one["refund_id"]: one for one in (refund(item, currency, fallback_at=fallback_at) for item in items)}
    return list(found.values())


def currency_of(item: Json) -> str | None:
    """The currency that a refund by itself is in: its order is not at hand."""
    for line in parts(item, "refund_line_items"):
        code = shop_money(line, "subtotal_set").get("currency_code")
        if isinstance(code, str):
            return code
    code = shop_money(item, "total_duties_set").get("currency_code")
    if isinstance(code, str):
        return code
    codes = {one.get("currency") for one in parts(item, "transactions")} - {None}
    only = codes.pop() if len(codes) == 1 else None
    return only if isinstance(only, str) else None


def _lines(item: Json, currency: str) -> list[dict[str, Any]]:
    """Per line of the order: pieces, and their subtotal: net of discounts, in the terms of the line's price."""
    found: dict[str, dict[str, Any]] = {}
    for one in parts(item, "refund_line_items"):
        line_id = identifier(one.get("line_item_id")) or identifier(part(one, "line_item").get("id"))
        if line_id is None:
            continue
        line = found.setdefault(line_id, {"line_id": line_id, "quantity": 0, "amount": 0})
        quantity = one.get("quantity")
        line["quantity"] += max(0, quantity) if isinstance(quantity, int) and not isinstance(quantity, bool) else 0
        line["amount"] += amount(one, "subtotal", currency)
    return list(found.values())


def _shipping(item: Json, currency: str) -> tuple[int, int]:
    """Shipping given back and its tax: negative adjustments in older API versions, lines of their own in newer ones."""
    adjustments = [one for one in parts(item, "order_adjustments") if one.get("kind") == _SHIPPING]
    if adjustments:
        return (
            sum(abs(minor(one.get("amount"), currency)) for one in adjustments),
            sum(abs(minor(one.get("tax_amount"), currency)) for one in adjustments),
        )
    lines = parts(item, "refund_shipping_lines")
    return (
        sum(amount(one, "subtotal_amount", currency) for one in lines),
        sum(amount(one, "tax_amount", currency) for one in lines),
    )


def _paid_back(item: Json, currency: str) -> int | None:
    """The money that went back; None when the transactions are absent or in another currency than the order."""
    if not isinstance(item.get("transactions"), list):
        return None
    done = [
        one
        for one in parts(item, "transactions")
        if one.get("kind") == "refund" and one.get("status") in ("success", None)
    ]
    if any(one.get("currency") not in (None, currency) for one in done):
        return None
    return sum(amount(one, "amount", currency) for one in done)
