"""The fields of events that this service reads; a contract test holds them against the JSON Schemas."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Change: TypeAlias = str | UnsetType | None  # absent: unchanged; null: cleared


class ShopData(msgspec.Struct, frozen=True):
    """``shop.upserted``."""

    name: str
    time_zone: str
    locale: str
    url: str | None = None
    updated_at: Instant | None = None


class ContactData(msgspec.Struct, frozen=True):
    """``customer.registered`` and ``customer.updated``."""

    customer_id: Id
    updated_at: Instant | None = None
    email: Change = UNSET
    phone: Change = UNSET
    first_name: Change = UNSET
    last_name: Change = UNSET
    locale: Change = UNSET
    country: Change = UNSET
    time_zone: Change = UNSET


class MergedData(msgspec.Struct, frozen=True):
    """``customer.merged``."""

    source: Id = msgspec.field(name="from")
    into: Id


class ConsentData(msgspec.Struct, frozen=True):
    """``customer.consent_changed``."""

    customer_id: Id
    channel: str
    purpose: str
    state: str
    at: Instant


class ErasedData(msgspec.Struct, frozen=True):
    """``customer.erased``."""

    customer_id: Id
    at: Instant


class PointsData(msgspec.Struct, frozen=True):
    """``points.earned`` and ``points.clawed_back``."""

    customer_id: Id
    points: int
    balance: int
    transaction_id: str
    order_id: str | None = None
    pending: bool = False
    available_at: Instant | None = None


class SurveyData(msgspec.Struct, frozen=True):
    """``survey.requested``."""

    customer_id: Id
    survey_id: str
    url: str
    order_id: str | None = None
    expires_at: Instant | None = None
