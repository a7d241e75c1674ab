"""The topics of the event log: names, partitions, retention, and which event types they carry."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

ORDERS: Final = "comeback.orders.v1"
CUSTOMERS: Final = "comeback.customers.v1"
ACTIVITY: Final = "comeback.activity.v1"
CATALOG: Final = "comeback.catalog.v1"
SHOPS: Final = "comeback.shops.v1"
LOYALTY: Final = "comeback.loyalty.v1"
FEEDBACK: Final = "comeback.feedback.v1"
NOTIFICATIONS: Final = "comeback.notifications.v1"
RECOMMENDATIONS: Final = "comeback.recommendations.v1"

DEFAULT_PARTITIONS: Final = 4
SERVICES: Final = ("loyalty", "feedback", "notifications", "recommendations")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. ``retention`` None: the last event of each key is kept for ever (compacted)."""

    name: str
    retention: timedelta | None
    partitions: int = DEFAULT_PARTITIONS

    @property
    def compacted(self) -> bool:
        return self.retention is None


def dead_letter(service: str) -> str:
    """The topic that takes what a service can never handle."""
    return f"comeback.{service}.dead-letter.v1"


_MONTH: Final = timedelta(days=30)
_WEEK: Final = timedelta(days=7)
_DEAD: Final = timedelta(days=14)

TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(ORDERS, _MONTH),
        Topic(CUSTOMERS, _WEEK),
        Topic(ACTIVITY, _WEEK),
        Topic(CATALOG, _MONTH),
        Topic(SHOPS, None),
        Topic(LOYALTY, _MONTH),
        Topic(FEEDBACK, _MONTH),
        Topic(NOTIFICATIONS, _MONTH),
        Topic(RECOMMENDATIONS, _MONTH),
        *(Topic(dead_letter(service), _DEAD) for service in SERVICES),
    )
}
"""Every topic by name."""

TYPES: Final[dict[str, tuple[str, ...]]] = {
    ORDERS: (
        "order.placed",
        "order.updated",
        "order.paid",
        "order.fulfilled",
        "order.delivered",
        "order.cancelled",
        "order.refunded",
        "return.requested",
        "return.received",
    ),
    CUSTOMERS: (
        "customer.registered",
        "customer.updated",
        "customer.merged",
        "customer.consent_changed",
        "customer.erased",
    ),
    ACTIVITY: ("cart.updated", "cart.abandoned", "product.viewed", "activity.recorded"),
    CATALOG: ("product.upserted", "product.deleted"),
    SHOPS: ("shop.upserted",),
    LOYALTY: (
        "points.earned",
        "points.clawed_back",
        "points.redeemed",
        "points.expired",
        "points.expiring",
        "tier.changed",
        "reward.redeemed",
    ),
    FEEDBACK: ("survey.requested", "survey.answered", "review.published", "ticket.opened"),
    NOTIFICATIONS: (
        "message.sent",
        "message.delivered",
        "message.bounced",
        "message.failed",
        "message.skipped",
        "message.opened",
        "message.clicked",
    ),
    RECOMMENDATIONS: ("replenishment.due",),
}
"""The event types of each topic."""

_TOPIC_OF: Final[dict[str, str]] = {kind: topic for topic, kinds in TYPES.items() for kind in kinds}
_BY_PATH: Final[dict[str, tuple[str, ...]]] = {
    "customer.merged": ("from",),
    "return.requested": ("order_id",),
    "return.received": ("order_id",),
}
_PATHS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    ORDERS: (("order", "order_id"),),
    ACTIVITY: (("customer_id",), ("cart_id",)),
    CATALOG: (("product_id",),),
    SHOPS: (),
}


class UnknownType(ValueError):
    """No topic carries this event type."""


def topic_of(type: str) -> str:  # noqa: A002  # the attribute's name in CloudEvents
    """The topic of an event type. Raises ``UnknownType``."""
    try:
        return _TOPIC_OF[type]
    except KeyError:
        raise UnknownType(f"no topic carries events of type {type!r}") from None


def subject_of(type: str, shop_id: str, data: dict[str, Any]) -> str:  # noqa: A002
    """What the event is about: an order, customer, cart, product or shop id. Raises ``ValueError`` without one."""
    topic = topic_of(type)
    if topic == SHOPS:
        return shop_id
    paths = (_BY_PATH[type],) if type in _BY_PATH else _PATHS.get(topic, (("customer_id",),))
    for path in paths:
        found: Any = data
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            return found
    raise ValueError(f"{type} has no {' or '.join('/'.join(path) for path in paths)}")


def event_key(type: str, shop_id: str, data: dict[str, Any]) -> str:  # noqa: A002
    """The key on the log: ``shop:subject``, a shop's own event ``shop``. Raises ``ValueError`` without a subject."""
    subject = subject_of(type, shop_id, data)
    return shop_id if topic_of(type) == SHOPS else f"{shop_id}:{subject}"
