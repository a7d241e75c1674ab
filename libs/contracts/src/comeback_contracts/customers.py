"""Customers: the only topic that holds contact data (kept 7 days)."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from comeback_contracts.ids import Id
from comeback_contracts.instants import PastInstant
from comeback_contracts.model import Contract, FieldwiseContract
from comeback_contracts.people import Birthday, Email, Phone
from comeback_contracts.text import Country, Locale, ShortText, Text, TimeZone


class CustomerData(FieldwiseContract):
    """``customer.registered .updated``. Per field the later ``updated_at`` holds: an old import overwrites nothing."""

    customer_id: Id
    email: Email | None = None
    phone: Phone | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    locale: Locale | None = None
    country: Country | None = None
    time_zone: TimeZone | None = None
    birthday: Birthday | None = None
    tags: Annotated[list[ShortText], Field(max_length=250)] | None = None
    updated_at: PastInstant


class CustomerConsentChanged(Contract):
    """``customer.consent_changed``: what a person allows on a channel for a purpose, such as ``granted``."""

    customer_id: Id
    channel: ShortText
    purpose: ShortText
    state: ShortText
    at: PastInstant


class CustomerMerged(Contract):
    """``customer.merged``: ``from`` is the same person as ``into``; what was of ``from`` belongs to ``into`` now."""

    from_: Id = Field(alias="from")
    into: Id
    at: PastInstant

    @field_validator("into")
    @classmethod
    def _is_another(cls, into: str, info: ValidationInfo) -> str:
        if into == info.data.get("from_"):
            raise PydanticCustomError("same", "is the same customer as from")
        return into


class CustomerErased(Contract):
    """``customer.erased``: everything known of the person is to be forgotten, by every reader."""

    customer_id: Id
    at: PastInstant
