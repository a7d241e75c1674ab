"""What is left of an order's lines after its refunds, in the terms of ``line.total`` (CONTRACT §2)."""

from collections.abc import Iterable, Mapping, Sequence

from comeback_contracts.order_amounts import Remaining
from comeback_contracts.order_reading import view_of
from comeback_contracts.order_view import LineView, Order, OrderView, RefundView
from comeback_contracts.shares import shares


def refunds_of(order: OrderView) -> list[RefundView]:
    """The refunds of an order state (a map) or of an order as it was sent (a list)."""
    refunds = order.refunds
    if not refunds:
        return []
    return list(refunds.values() if isinstance(refunds, Mapping) else refunds)


def remaining(order: Order) -> Remaining:
    """What is left of each line.

    It depends on all refunds together, not on their number or sequence: the refund lines are taken off first, then what
    no line, shipping or tax explains is spread over the lines by what is left of them (largest remainder).
    """
    order = view_of(order)
    lines = order.lines or ()
    refunds = refunds_of(order)
    quantities = [line.quantity for line in lines]
    amounts = [line.total for line in lines]
    if not refunds:
        return Remaining(amounts, quantities)
    _take_lines(lines, refunds, amounts, quantities)
    unexplained = _unexplained(refunds, tax_included=bool(order.tax_included))
    if unexplained:
        spread = shares(min(unexplained, sum(amounts)), amounts)
        amounts = [amount - part for amount, part in zip(amounts, spread, strict=True)]
    return Remaining(amounts, quantities)


def _take_lines(
    lines: Sequence[LineView], refunds: Iterable[RefundView], amounts: list[int], quantities: list[int]
) -> None:
    places = {line.line_id: place for place, line in enumerate(lines)}
    touched: set[int] = set()
    for refund in refunds:
        for part in refund.lines or ():
            place = places.get(part.line_id)
            if place is not None:
                amounts[place] -= part.amount or 0
                quantities[place] -= part.quantity or 0
                touched.add(place)
    for place in touched:
        quantities[place] = max(0, quantities[place])
        amounts[place] = max(0, amounts[place]) if quantities[place] else 0


def _unexplained(refunds: Iterable[RefundView], *, tax_included: bool) -> int:
    """The money of all refunds that their lines, shipping and tax do not explain."""
    total = 0
    for refund in refunds:
        explained = sum(part.amount or 0 for part in refund.lines or ())
        explained += refund.shipping or 0
        if not tax_included:
            explained += refund.tax or 0
        total += max(0, (refund.amount or 0) - explained)
    return total
