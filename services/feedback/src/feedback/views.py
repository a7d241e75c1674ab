"""The fields of events that this service reads; a contract test holds them against the JSON Schemas."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ShopData(msgspec.Struct, frozen=True):
    """``shop.upserted``."""

    name: str
    locale: str
    url: str | None = None
    updated_at: Instant | None = None


class PersonData(msgspec.Struct, frozen=True):
    """``customer.registered`` and ``customer.updated``: of all contact data only the language."""

    customer_id: Id
    locale: str | UnsetType | None = UNSET
    updated_at: str | None = None


class MergedData(msgspec.Struct, frozen=True):
    """``customer.merged``."""

    source: Id = msgspec.field(name="from")
    into: Id


class ErasedData(msgspec.Struct, frozen=True):
    """``customer.erased``."""

    customer_id: Id
    at: Instant
