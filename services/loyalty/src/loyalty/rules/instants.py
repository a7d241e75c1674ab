"""The instants of an order that earning looks at."""

from datetime import UTC, datetime
from typing import Final

from comeback_contracts import eligible
from comeback_contracts.order_view import OrderView
from loyalty.local_time import to_utc
from loyalty.rules.compiled import CompiledProgram

# The year 1 that a broken clock writes has no local time west of Greenwich, the end of 9999 none east of it.
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)


def earned_at(program: CompiledProgram, order: OrderView) -> datetime:
    """When the order's points were earned: the instant of ``earn_on`` in the order, else ``placed_at`` (UTC)."""
    return _instant(eligible.earned_at(order, program.earn_on))


def placed_at(order: OrderView) -> datetime:
    """When the order was placed (UTC). Raises ``ValueError`` while only refunds of it have come."""
    if order.placed_at is None:
        raise ValueError("the order has not been seen")
    return _instant(order.placed_at)


def delivered_at(order: OrderView) -> datetime | None:
    """When the order was delivered (UTC), if it was."""
    return _instant(order.delivered_at) if order.delivered_at else None


def _instant(text: str) -> datetime:
    """Not remembered: every order has one of its own, and to read it costs less than to look it up."""
    at = datetime.fromisoformat(text)
    return min(max(_EARLIEST, at if at.tzinfo is UTC else to_utc(at)), _LATEST)
