"""Which events this service acts on: all subscriptions on one screen.

None needs the inbox: contact data and orders merge, and a message exists once for its key, so a repeated event changes
nothing. Orders come first in a batch, so that what is said about an order finds it.
"""

from comeback_contracts import topics
from comeback_kit.consumer import Subscription
from notifications.customers import take_customers
from notifications.orders import take_orders
from notifications.points import take_points
from notifications.shops import take_shops
from notifications.surveys import take_surveys
from notifications.waiting import contact_overdue, order_overdue
from notifications.wanted import CONTACT_TIMER, ORDER_TIMER


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS = (
    Subscription(topics.SHOPS, take_shops, types=_known(topics.SHOPS), inbox=False, priority=4),
    Subscription(topics.CUSTOMERS, take_customers, types=_known(topics.CUSTOMERS), inbox=False, priority=3),
    Subscription(topics.ORDERS, take_orders, types=_known(topics.ORDERS), inbox=False, priority=2),
    Subscription(topics.LOYALTY, take_points, inbox=False, priority=1),
    Subscription(topics.FEEDBACK, take_surveys, inbox=False, priority=1),
)

TIMERS = {CONTACT_TIMER: contact_overdue, ORDER_TIMER: order_overdue}
