"""What an order's parts come to, made to agree with what Shopify charged.

``total_price`` is the truth: it is what the customer paid. Where the parts that we know come to something else (duties,
fees, cash rounding, discounts that are allocated nowhere), the difference goes where it can do least harm:

- charged more than the parts: to ``shipping``, which never earns points;
- charged less: to ``discounts``, as kind ``order`` where Shopify's ``total_discounts`` says that there is one that no
  line carries, else as ``other``.
"""

from typing import Any

from gateway.webhooks.shopify.values import Json, amount, parts, text


def reconciled(order: dict[str, Any], body: Json, currency: str) -> dict[str, Any]:
    """The order with ``shipping``, ``tax``, ``tip``, ``discounts`` and ``total``, which add up."""
    lines = parts(body, "shipping_lines")
    allocated = sum(amount(one, "amount", currency) for line in lines for one in parts(line, "discount_allocations"))
    shipping = _shipping(body, currency)
    discounts = _discounts(body, min(allocated, shipping))
    order = {
        **order,
        "shipping": shipping,
        "tax": amount(body, "total_tax", currency),
        "tip": _tip(body, currency),
        "total": amount(body, "total_price", currency),
    }
    difference = order["total"] - _sum(order, discounts)
    if abs(difference) > len(order["lines"]):
        if difference > 0:
            order["shipping"] += difference
        else:
            in_lines = sum(line["discount"] for line in order["lines"])
            unallocated = amount(body, "total_discounts", currency) - in_lines - allocated
            _add(discounts, "order" if unallocated >= -difference else "other", -difference)
    order["discounts"] = discounts
    return order


def is_tip(item: Json) -> bool:
    """Whether an item of the order is the tip: only such a one has the field, even if it says nothing."""
    return "tip_payment_gateway" in item


def _tip(body: Json, currency: str) -> int:
    """The tip: Shopify says it once as a sum, and again among the items."""
    items = sum(amount(item, "price", currency) for item in parts(body, "line_items") if is_tip(item))
    return max(items, amount(body, "total_tip_received", currency))


def _sum(order: dict[str, Any], discounts: list[dict[str, Any]]) -> int:
    whole: int = sum(line["total"] for line in order["lines"]) + order["shipping"] + order["tip"]
    whole -= sum(one["amount"] for one in discounts)
    return whole if order["tax_included"] else whole + order["tax"]


def _shipping(body: Json, currency: str) -> int:
    if body.get("total_shipping_price_set") is not None:
        return amount(body, "total_shipping_price", currency)
    return sum(amount(line, "price", currency) for line in parts(body, "shipping_lines"))


def _discounts(body: Json, off_shipping: int) -> list[dict[str, Any]]:
    """The codes, worth 0 here because the lines carry what they are worth, and what was taken off the shipping."""
    found: list[dict[str, Any]] = []
    for one in parts(body, "discount_codes"):
        code = text(one.get("code"))
        if code is not None:
            kind = "shipping" if one.get("type") == "shipping" else "order"
            found.append({"code": code, "kind": kind, "amount": 0})
    if off_shipping:
        _add(found, "shipping", off_shipping)
    return found


def _add(discounts: list[dict[str, Any]], kind: str, worth: int) -> None:
    """Put an amount on the first code of its kind, or on an entry of its own."""
    for one in discounts:
        if one["kind"] == kind:
            one["amount"] += worth
            return
    discounts.append({"kind": kind, "amount": worth})
