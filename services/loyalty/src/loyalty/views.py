"""The few fields of other services' events that loyalty reads. Order events are read by ``comeback_contracts``."""

from datetime import datetime
from typing import Any

import msgspec


class ShopUpserted(msgspec.Struct, frozen=True):
    """``shop.upserted``."""

    shop_id: str
    name: str
    currency: str
    time_zone: str
    locale: str | None = None
    country: str | None = None
    url: str | None = None
    updated_at: datetime | None = None


class CustomerUpdated(msgspec.Struct, frozen=True):
    """``customer.registered`` and ``customer.updated``: what rules ask about a person. Unset is unchanged."""

    customer_id: str
    updated_at: datetime | None = None
    birthday: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET


class CustomerMerged(msgspec.Struct, frozen=True):
    """``customer.merged``: ``from`` is ``into`` from now on."""

    from_: str = msgspec.field(name="from")
    into: str
    at: datetime | None = None


class CustomerErased(msgspec.Struct, frozen=True):
    """``customer.erased``."""

    customer_id: str
    at: datetime | None = None


class ActivityRecorded(msgspec.Struct, frozen=True):
    """``activity.recorded``: something done that may earn points."""

    activity_id: str
    customer_id: str
    kind: str
    at: datetime | None = None
    order_id: str | None = None
    channel: str | None = None
    attributes: dict[str, Any] | None = None
