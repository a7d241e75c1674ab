"""Which events this service acts on: all subscriptions on one screen.

None needs the inbox: orders and products merge, and a rating, a joined or a forgotten customer is the same twice.
"""

from comeback_contracts import topics
from comeback_kit.consumer import Subscription
from recommendations.catalog import take_products
from recommendations.customers import take_customers
from recommendations.dislikes import take_ratings
from recommendations.orders import take_orders
from recommendations.replenishment import KIND as REPLENISHMENT
from recommendations.replenishment import remind


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS = (
    Subscription(topics.CATALOG, take_products, types=_known(topics.CATALOG), inbox=False, priority=3),
    Subscription(topics.CUSTOMERS, take_customers, types=_known(topics.CUSTOMERS), inbox=False, priority=2),
    Subscription(topics.ORDERS, take_orders, types=_known(topics.ORDERS), inbox=False, priority=1),
    Subscription(topics.FEEDBACK, take_ratings, inbox=False),
    Subscription(topics.ACTIVITY, take_ratings, types=_known(topics.ACTIVITY), inbox=False),
)

TIMERS = {REPLENISHMENT: remind}
