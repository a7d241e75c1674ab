"""Which events this service acts on: all subscriptions and timers on one screen.

None needs the inbox. Orders merge, and only the difference to what is booked is posted; shops and customers merge; an
activity has a lot of its own, and a merge of customers finds itself done.
"""

from collections.abc import Sequence
from typing import Final

from comeback_contracts import topics
from comeback_kit.consumer import Context, Subscription
from comeback_kit.db import Connection
from comeback_kit.events import Event
from comeback_kit.timers import TimerHandler
from loyalty import earning, shops
from loyalty.redemption import HOLD_TIMER
from loyalty.redemption_timer import holds_expired
from loyalty.state import cache_of


async def take_shops(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """``shop.upserted``."""
    await shops.upsert(tx, events, context, cache_of(context.runtime))


async def take_orders(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Every ``order.*``; returns say nothing of money."""
    await earning.settle_events(tx, events, context, cache_of(context.runtime))


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS: Final = (
    Subscription(topics.SHOPS, take_shops, types=_known(topics.SHOPS), inbox=False, priority=3),
    Subscription(topics.ORDERS, take_orders, types=_known(topics.ORDERS), inbox=False, priority=1),
)
TIMERS: Final[dict[str, TimerHandler]] = {HOLD_TIMER: holds_expired}
