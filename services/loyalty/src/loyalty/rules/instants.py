"""The instants of an order that earning looks at."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from loyalty.local_time import to_utc
from loyalty.rules.basket import Order
from loyalty.rules.compiled import CompiledProgram

_FIELDS: Final = {"paid": "paid_at", "placed": "placed_at", "fulfilled": "fulfilled_at", "delivered": "delivered_at"}
# The year 1 that a broken clock writes has no local time west of Greenwich.
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)


def earned_at(program: CompiledProgram, order: Order) -> datetime:
    """When the order's points were earned: the instant of ``earn_on`` in the order, else ``placed_at`` (UTC)."""
    return _instant(order.get(_FIELDS[program.earn_on]) or order["placed_at"])


def placed_at(order: Order) -> datetime:
    """When the order was placed (UTC)."""
    return _instant(order["placed_at"])


def delivered_at(order: Order) -> datetime | None:
    """When the order was delivered (UTC), if it was."""
    found = order.get("delivered_at")
    return _instant(found) if found else None


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime:
    """Remembered: an order is asked for the same instant again and again while it is settled."""
    at = datetime.fromisoformat(text)
    return max(_EARLIEST, at if at.tzinfo is UTC else to_utc(at))
