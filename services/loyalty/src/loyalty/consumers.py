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
from comeback_kit.timers import AtMost, DueTimer, TimerHandler
from loyalty import activities, customers, earning, jobs, occasions, order_states, shops, tier_review
from loyalty.activities import WAITING_TIMER
from loyalty.jobs import STEP_TIMER
from loyalty.occasions import DAY_TIMER
from loyalty.redemption import HOLD_TIMER
from loyalty.redemption_timer import holds_expired
from loyalty.state import cache_of
from loyalty.tier_review import REVIEW_TIMER


async def take_shops(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """``shop.upserted``."""
    await shops.upsert(tx, events, context)


async def take_orders(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Every ``order.*``; returns say nothing of money."""
    await earning.settle_events(tx, events, context, cache_of(context.runtime))


async def take_customers(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """``customer.registered .updated .merged .erased``."""
    await customers.take(tx, events, context, cache_of(context.runtime))


async def take_activity(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """``activity.recorded``."""
    await activities.take(tx, events, context, cache_of(context.runtime))


async def waited_for_shop(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Activities that came before their shop."""
    await activities.again(tx, due, context, cache_of(context.runtime))


async def day_began(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Birthdays and anniversaries."""
    await occasions.come_round(tx, due, context, cache_of(context.runtime))


async def job_stepped(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Previews and imports."""
    await jobs.step(tx, due, context, cache_of(context.runtime))


async def tiers_reviewed(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Every member, after a program with other tiers."""
    await tier_review.step(tx, due, context, cache_of(context.runtime))


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS: Final = (
    Subscription(topics.SHOPS, take_shops, types=_known(topics.SHOPS), inbox=False, priority=3),
    Subscription(topics.CUSTOMERS, take_customers, types=_known(topics.CUSTOMERS), inbox=False, priority=2),
    Subscription(
        topics.ORDERS,
        take_orders,
        types=_known(topics.ORDERS),
        inbox=False,
        priority=1,
        reader=order_states.state_in,
        lane=order_states.buyer_in,
    ),
    Subscription(topics.ACTIVITY, take_activity, types=_known(topics.ACTIVITY), inbox=False),
)
TIMERS: Final[dict[str, TimerHandler]] = {
    HOLD_TIMER: holds_expired,
    WAITING_TIMER: waited_for_shop,
    DAY_TIMER: day_began,
    STEP_TIMER: AtMost(1, job_stepped),
    REVIEW_TIMER: tiers_reviewed,
}
