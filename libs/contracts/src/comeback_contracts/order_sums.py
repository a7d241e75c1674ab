"""How the amounts of an order add up (CONTRACT §2)."""

from collections.abc import Mapping
from typing import Any, Final

_ADDENDS: Final = ("lines", "discounts", "shipping", "tax", "tip", "tax_included")


def line_total(line: Mapping[str, Any]) -> int:
    """What a line comes to: quantity × unit_price − discount, as far as they are known."""
    total: int = line.get("quantity", 0) * line.get("unit_price", 0) - line.get("discount", 0)
    return total


def order_total(order: Mapping[str, Any]) -> int | None:
    """What an order comes to: Σ line totals + shipping + tax (unless included) + tip − order discounts.

    None while one of them is unknown.
    """
    if any(name not in order for name in _ADDENDS):
        return None
    total: int = sum(line.total for line in order["lines"]) - sum(one.amount for one in order["discounts"])
    total += order["shipping"] + order["tip"]
    return total if order["tax_included"] else total + order["tax"]
