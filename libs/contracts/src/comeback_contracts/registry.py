"""Every event type: its topic, the model of its data, and where its key comes from."""

from dataclasses import dataclass
from typing import Any, Final

from comeback_contracts import (
    activity,
    catalog,
    customers,
    feedback,
    loyalty,
    notifications,
    orders,
    recommendations,
    shops,
    topics,
)
from comeback_contracts.model import Contract

ACCEPTED_TOPICS: Final = frozenset(
    {topics.ORDERS, topics.CUSTOMERS, topics.ACTIVITY, topics.CATALOG, topics.SHOPS},
)
"""Whose events may come from outside; the others are told by the services themselves."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type. ``time_field``: the field of its data that stands for the event's time where it is absent."""

    name: str
    topic: str
    model: type[Contract]
    time_field: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether callers may send it."""
        return self.topic in ACCEPTED_TOPICS

    def key(self, shop_id: str, data: dict[str, Any]) -> str:
        """The key on the log. Raises ``ValueError`` where the data has no subject."""
        return topics.event_key(self.name, shop_id, data)


_MODELS: Final[dict[str, type[Contract]]] = {
    **dict.fromkeys(topics.TYPES[topics.ORDERS], orders.OrderData),
    "order.refunded": orders.OrderRefundedData,
    "return.requested": orders.ReturnData,
    "return.received": orders.ReturnData,
    "customer.registered": customers.CustomerData,
    "customer.updated": customers.CustomerData,
    "customer.merged": customers.CustomerMerged,
    "customer.consent_changed": customers.CustomerConsentChanged,
    "customer.erased": customers.CustomerErased,
    "cart.updated": activity.CartData,
    "cart.abandoned": activity.CartData,
    "product.viewed": activity.ProductViewed,
    "activity.recorded": activity.ActivityRecorded,
    "product.upserted": catalog.ProductUpserted,
    "product.deleted": catalog.ProductDeleted,
    "shop.upserted": shops.ShopUpserted,
    "points.earned": loyalty.PointsEarned,
    "points.clawed_back": loyalty.PointsClawedBack,
    "points.redeemed": loyalty.PointsRedeemed,
    "points.expired": loyalty.PointsExpired,
    "points.expiring": loyalty.PointsExpiring,
    "tier.changed": loyalty.TierChanged,
    "reward.redeemed": loyalty.RewardRedeemed,
    "survey.requested": feedback.SurveyRequested,
    "survey.answered": feedback.SurveyAnswered,
    "review.published": feedback.ReviewPublished,
    "ticket.opened": feedback.TicketOpened,
    "message.sent": notifications.MessageSent,
    "message.delivered": notifications.MessageDelivered,
    "message.bounced": notifications.MessageUnsent,
    "message.failed": notifications.MessageUnsent,
    "message.skipped": notifications.MessageUnsent,
    "message.opened": notifications.MessageOpened,
    "message.clicked": notifications.MessageClicked,
    "replenishment.due": recommendations.ReplenishmentDue,
}


def _time_field(model: type[Contract]) -> str | None:
    return next((name for name in ("updated_at", "at") if name in model.model_fields), None)


EVENT_TYPES: Final[dict[str, EventType]] = {
    name: EventType(name, topic, _MODELS[name], _time_field(_MODELS[name]))
    for topic, names in topics.TYPES.items()
    for name in names
}
"""Every event type by name."""


def event_type(name: str) -> EventType:
    """The event type of a name. Raises ``topics.UnknownType``."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise topics.UnknownType(f"there is no event type {name!r}") from None


def carries_order(name: str) -> bool:
    """Whether events of the type carry ``data.order``. The other types of the orders topic tell of returns."""
    return name.startswith("order.")
