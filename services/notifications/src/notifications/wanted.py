"""A message that an event asks for, and what becomes of it at first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from notifications.workflows import Reason

TOO_OLD: Final = timedelta(hours=48)
CONTACT_WAIT: Final = timedelta(days=7)
ORDER_WAIT: Final = timedelta(hours=1)
CONTACT_TIMER: Final = "contact_wait"
ORDER_TIMER: Final = "order_wait"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message to make. ``order_id`` and ``occasion`` are empty where there is none."""

    shop_id: str
    workflow: str
    customer_id: str
    order_id: str
    occasion: str
    occurred_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a message is made. ``order_known``: its order has been seen (or it has none).

    ``order_live``: something happened in the order less than 48 hours before we heard of it.
    """

    reachable: bool
    erased_at: datetime | None = None
    order_known: bool = True
    order_live: bool = True
    order_placed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The first state of a message, and whether it waits for its order."""

    state: Literal["waiting", "sending", "skipped"]
    reason: Reason | None = None
    needs_order: bool = False


def start(occurred_at: datetime, known: Known, now: datetime) -> Start:
    """What becomes of a message whose cause happened at ``occurred_at``.

    Old news mails nobody, also where the event itself is new but its order is history that was imported. A message
    about an order that we have not seen yet waits for it: only the order tells whether it is history. What is said of
    an order that an erased person had placed is said to nobody, also when it is said later.
    """
    if now - occurred_at > TOO_OLD:
        return Start("skipped", "too_old")
    if not known.order_known:
        return Start("waiting", needs_order=True)
    if not known.order_live:
        return Start("skipped", "too_old")
    if known.reachable:
        return Start("sending")
    cause = occurred_at if known.order_placed_at is None else min(occurred_at, known.order_placed_at)
    if known.erased_at is not None and known.erased_at >= cause:
        return Start("skipped", "erased")
    return Start("waiting")


def live(happened: Iterable[datetime], now: datetime) -> bool:
    """Whether something of these happened less than 48 hours ago."""
    return any(now - instant <= TOO_OLD for instant in happened)
