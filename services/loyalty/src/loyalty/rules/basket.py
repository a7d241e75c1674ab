"""The amounts of an order that a program lets earn: before refunds and what is left (CONTRACT §2 and §4)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loyalty.program.document import Eligible
from loyalty.rules.case import Goods, Line
from loyalty.rules.rounding import shares

Order = Mapping[str, Any]


class Basket:
    """An order as it was (``full``) and what is left of it after refunds (``left``)."""

    __slots__ = ("full", "left")

    def __init__(self, full: Goods, left: Goods) -> None:
        self.full = full
        self.left = left


def weigh(order: Order, eligible: Eligible, *, per_line: bool) -> Basket:
    """The eligible amounts of an order, in minor units of its currency.

    ``per_line`` shares order discounts over the lines before refunds; otherwise they stay with what is left.
    """
    lines = order["lines"]
    refunds = refunds_of(order)
    goods = [_goods(line, order, eligible) for line in lines]
    discount = _discount(order)
    units = [line["quantity"] for line in lines]
    if per_line and discount:
        parts = shares(discount, [line["total"] for line in lines])
        goods = [max(0, amount - part) for amount, part in zip(goods, parts, strict=True)]
    full = goods if per_line else _less(goods, discount)
    before = Goods(lines, full, units, sum(full) + _extras(order, eligible, ()))
    if not refunds:
        return Basket(before, before)
    totals, units_left = remaining(lines, refunds, tax_included=bool(order.get("tax_included")))
    left = [
        amount * still // line["total"] if line["total"] else amount
        for amount, still, line in zip(goods, totals, lines, strict=True)
    ]
    if not per_line:
        left = _less(left, discount)
    return Basket(before, Goods(lines, left, units_left, sum(left) + _extras(order, eligible, refunds)))


def refunds_of(order: Order) -> Sequence[Mapping[str, Any]]:
    """The refunds of a merged order, which keeps them by their id, or of a plain one."""
    refunds: Any = order.get("refunds") or ()
    return list(refunds.values()) if isinstance(refunds, Mapping) else refunds


def remaining(
    lines: Sequence[Line], refunds: Iterable[Mapping[str, Any]], *, tax_included: bool
) -> tuple[list[int], list[int]]:
    """What is left of each line: in terms of ``line.total``, and in units."""
    places = {line["line_id"]: place for place, line in enumerate(lines)}
    totals = [line["total"] for line in lines]
    units = [line["quantity"] for line in lines]
    unspecific = 0
    for refund in refunds:
        named = 0
        for part in refund.get("lines") or ():
            amount = part.get("amount") or 0
            named += amount
            place = places.get(part["line_id"])
            if place is not None:
                totals[place] -= amount
                units[place] -= part.get("quantity") or 0
        tax = 0 if tax_included else refund.get("tax") or 0
        unspecific += max(0, (refund.get("amount") or 0) - named - (refund.get("shipping") or 0) - tax)
    units = [max(0, count) for count in units]
    totals = [
        0 if count == 0 and line["quantity"] > 0 else max(0, total)
        for total, count, line in zip(totals, units, lines, strict=True)
    ]
    return _less(totals, unspecific), units


def _goods(line: Line, order: Order, eligible: Eligible) -> int:
    """A line's amount before order discounts and refunds."""
    if line.get("is_gift_card") and not eligible.gift_cards:
        return 0
    tax = line.get("tax") or 0
    total: int = line["total"]
    if order.get("tax_included"):
        return total if eligible.tax else max(0, total - tax)
    return total + tax if eligible.tax else total


def _discount(order: Order) -> int:
    found = order.get("discounts")
    return sum(one["amount"] for one in found if one.get("kind") != "shipping") if found else 0


def _less(amounts: list[int], sum_off: int) -> list[int]:
    """Amounts less a sum that is spread over them by amount; nothing goes below 0."""
    if sum_off <= 0:
        return amounts
    off = min(sum_off, sum(amounts))
    return [amount - part for amount, part in zip(amounts, shares(off, amounts), strict=True)]


def _extras(order: Order, eligible: Eligible, refunds: Sequence[Mapping[str, Any]]) -> int:
    """Shipping and tip, where they earn; shipping less its discounts and refunds."""
    if not (eligible.shipping or eligible.tip):
        return 0
    amount = 0
    if eligible.shipping:
        off = sum(one["amount"] for one in order.get("discounts") or () if one.get("kind") == "shipping")
        back = sum(refund.get("shipping") or 0 for refund in refunds)
        amount += max(0, (order.get("shipping") or 0) - off - back)
    if eligible.tip:
        amount += max(0, order.get("tip") or 0)
    return amount
