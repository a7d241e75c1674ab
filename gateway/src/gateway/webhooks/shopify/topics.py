"""Which webhook topic becomes which events. All of Shopify's topics that mean something here are in this table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from comeback_contracts.guest import guest_id
from comeback_contracts.ids import is_id
from gateway.webhooks.mapped import Mapped, Unmappable
from gateway.webhooks.shopify import people
from gateway.webhooks.shopify.orders import order
from gateway.webhooks.shopify.refunds import currency_of, refund
from gateway.webhooks.shopify.values import Json, first_instant, needed, part, text

ORDER_TOPICS: Final[Mapping[str, str]] = {
    "orders/create": "order.placed",
    "orders/paid": "order.paid",
    "orders/updated": "order.updated",
    "orders/cancelled": "order.cancelled",
    "orders/fulfilled": "order.fulfilled",
    "orders/partially_fulfilled": "order.updated",
}
_CUSTOMER_GID: Final = re.compile(r"gid://shopify/Customer/([0-9]+)", re.ASCII)
IGNORED: Final[Mapping[str, str]] = {
    "orders/edited": "names only what was edited; orders/updated brings the order",
    "fulfillment_events/create": "holds no order; deliveries are read from orders/updated",
    "fulfillments/create": "holds no order; orders/updated brings it",
    "fulfillments/update": "holds no order; orders/updated brings it",
    "customers/data_request": "to be answered by the shop's staff",
    "shop/redact": "to be carried out by the operator",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified delivery. ``received_at``: Shopify's own ``X-Shopify-Triggered-At``, else when it came in."""

    topic: str
    body: Json
    received_at: str
    shop_currency: str
    guest_secret: bytes


def map_delivery(delivery: Delivery) -> list[Mapped]:
    """The events of a delivery; none for a topic that means nothing here. Raises ``Unmappable``."""
    mapping = _MAPPINGS.get(delivery.topic)
    return [] if mapping is None else mapping(delivery)


def _order(delivery: Delivery) -> list[Mapped]:
    mapped = order(delivery.body, delivery.topic)
    return [Mapped(ORDER_TOPICS[delivery.topic], mapped["updated_at"], {"order": mapped})]


def _refund(delivery: Delivery) -> list[Mapped]:
    body = delivery.body
    mapped = refund(body, currency_of(body) or delivery.shop_currency, fallback_at=delivery.received_at)
    order_id = needed(body.get("order_id"), "the refund's order_id")
    data = {"order": {"order_id": order_id, "refunds": [mapped], "updated_at": mapped["at"]}}
    return [Mapped("order.refunded", mapped["at"], data)]


def _customer(kind: str) -> Callable[[Delivery], list[Mapped]]:
    def mapped(delivery: Delivery) -> list[Mapped]:
        body = delivery.body
        customer_id = needed(body.get("id"), "the customer's id")
        instants = (body.get("updated_at"), body.get("created_at"), delivery.received_at)
        at = first_instant(instants) or delivery.received_at
        return [Mapped(kind, at, people.customer(body, customer_id, at))]

    return mapped


def _redacted(delivery: Delivery) -> list[Mapped]:
    """Shopify's order to forget a person: the account, and the guest that the same e-mail or phone made."""
    person = part(delivery.body, "customer")
    email, phone = people.email(person.get("email")), people.phone(person.get("phone"))
    named = {
        None: text(str(person["id"]), 128) if person.get("id") is not None else None,
        "email": guest_id(delivery.guest_secret, email=email),
        "phone": guest_id(delivery.guest_secret, phone=phone),
    }
    found = {what: one for what, one in named.items() if one is not None and is_id(one)}
    if not found:
        raise Unmappable("names no customer")
    at = delivery.received_at
    return [Mapped("customer.erased", at, {"customer_id": one, "at": at}, what) for what, one in found.items()]


def _merged(delivery: Delivery) -> list[Mapped]:
    """Two accounts that the shop's staff made one; nothing before Shopify has done it, or when it could not."""
    body = delivery.body
    if str(body.get("status")).lower() != "completed":
        return []
    kept, deleted = (
        needed(_account(body.get(f"admin_graphql_api_customer_{which}_id")), f"the id of the customer {which}")
        for which in ("kept", "deleted")
    )
    at = delivery.received_at
    return [Mapped("customer.merged", at, {"from": deleted, "into": kept, "at": at})]


def _account(gid: Any) -> str | None:
    """``706`` of ``gid://shopify/Customer/706``, the id that the other topics give."""
    found = _CUSTOMER_GID.fullmatch(gid) if isinstance(gid, str) else None
    return None if found is None else found[1]


def _consent(channel: str, name: str, id_name: str) -> Callable[[Delivery], list[Mapped]]:
    def mapped(delivery: Delivery) -> list[Mapped]:
        consent: dict[str, Any] = dict(part(delivery.body, name))
        state = text(consent.get("state"), 256)
        if state is None:
            return []
        at = first_instant((consent.get("consent_updated_at"), delivery.received_at)) or delivery.received_at
        data = {
            "customer_id": needed(delivery.body.get(id_name), "the customer's id"),
            "channel": channel,
            "purpose": "marketing",
            "state": state.lower(),
            "at": at,
        }
        return [Mapped("customer.consent_changed", at, data)]

    return mapped


_MAPPINGS: Final[Mapping[str, Callable[[Delivery], list[Mapped]]]] = {
    **dict.fromkeys(ORDER_TOPICS, _order),
    "refunds/create": _refund,
    "customers/create": _customer("customer.registered"),
    "customers/update": _customer("customer.updated"),
    "customers/merge": _merged,
    "customers/redact": _redacted,
    "customers_email_marketing_consent/update": _consent("email", "email_marketing_consent", "customer_id"),
    "customers_marketing_consent/update": _consent("sms", "sms_marketing_consent", "id"),
}
KNOWN: Final = frozenset(_MAPPINGS) | frozenset(IGNORED)
