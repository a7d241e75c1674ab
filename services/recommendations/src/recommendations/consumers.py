"""Which events this service acts on: all subscriptions on one screen.

None needs the inbox: orders and products merge, and joining or forgetting a customer twice changes nothing.
"""

from comeback_contracts import topics
from comeback_kit.consumer import Subscription
from recommendations.catalog import take_products
from recommendations.customers import take_customers
from recommendations.orders import take_orders


def _known(topic: str) -> frozenset[str]:
    return frozenset(topics.TYPES[topic])


SUBSCRIPTIONS = (
    Subscription(topics.CATALOG, take_products, types=_known(topics.CATALOG), inbox=False, priority=3),
    Subscription(topics.CUSTOMERS, take_customers, types=_known(topics.CUSTOMERS), inbox=False, priority=2),
    Subscription(topics.ORDERS, take_orders, types=_known(topics.ORDERS), inbox=False, priority=1),
)
