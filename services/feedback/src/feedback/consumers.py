"""Which events this service acts on: all subscriptions on one screen.

None needs the inbox: orders and languages merge, an invitation exists once for its key, accounts are joined once, so a
repeated event changes nothing. Shops come first in a batch, then customers, so that what is asked knows both.
"""

from comeback_contracts import topics
from comeback_kit.consumer import Subscription
from feedback.asking import ASK
from feedback.customers import take_customers
from feedback.orders import ask_due, take_orders
from feedback.shops import take_shops


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS = (
    Subscription(topics.SHOPS, take_shops, types=_known(topics.SHOPS), inbox=False, priority=3),
    Subscription(topics.CUSTOMERS, take_customers, types=_known(topics.CUSTOMERS), inbox=False, priority=2),
    Subscription(topics.ORDERS, take_orders, types=_known(topics.ORDERS), inbox=False, priority=1),
)

TIMERS = {ASK: ask_due}
