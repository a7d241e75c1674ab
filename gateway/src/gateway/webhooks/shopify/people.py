"""Who ordered, and customers of their own.

A field that does not fit the contract (an e-mail without @, a country's name) is left out; no webhook is lost for it.
"""

import re
from typing import Any, Final

from comeback_contracts.people import EMAIL_PATTERN
from gateway.webhooks.shopify.values import Json, identifier, part, text

_EMAIL: Final = re.compile(EMAIL_PATTERN)
_PHONE: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


def email(value: Any) -> str | None:
    """An e-mail address."""
    found = text(value, 320)
    return found if found is not None and _EMAIL.match(found) else None


def phone(value: Any) -> str | None:
    """A phone number as the shop has it."""
    found = text(value, 64)
    return found if found is not None and _PHONE.fullmatch(found) else None


def locale(value: Any) -> str | None:
    """A language tag."""
    found = text(value, 64)
    return found if found is not None and _LOCALE.fullmatch(found) else None


def country(*addresses: Json) -> str | None:
    """The country of the first address that has one."""
    for address in addresses:
        found = text(address.get("country_code"))
        if found is not None and _COUNTRY.fullmatch(found.upper()):
            return found.upper()
    return None


def order_customer(order: Json) -> dict[str, Any]:
    """``order.customer``: the account where there is one, and how the buyer is reached about this order."""
    account = part(order, "customer")
    shipping, billing = part(order, "shipping_address"), part(order, "billing_address")
    found = {
        "customer_id": identifier(account.get("id")),
        "email": email(order.get("email")) or email(order.get("contact_email")) or email(account.get("email")),
        "phone": phone(order.get("phone")) or phone(account.get("phone")),
        "first_name": text(account.get("first_name")) or text(billing.get("first_name")),
        "last_name": text(account.get("last_name")) or text(billing.get("last_name")),
        "locale": locale(order.get("customer_locale")),
        "country": country(shipping, billing, part(account, "default_address")),
    }
    return {name: value for name, value in found.items() if value is not None}


def customer(body: Json, customer_id: str, updated_at: str) -> dict[str, Any]:
    """The data of ``customer.registered`` and ``customer.updated``: Shopify sends the whole account, so null clears."""
    data: dict[str, Any] = {
        "customer_id": customer_id,
        "email": email(body.get("email")),
        "phone": phone(body.get("phone")),
        "first_name": text(body.get("first_name")),
        "last_name": text(body.get("last_name")),
        "updated_at": updated_at,
    }
    address = part(body, "default_address")
    if address:
        data["country"] = country(address)
    spoken = locale(body.get("locale"))
    if spoken is not None:
        data["locale"] = spoken
    if "tags" in body:
        data["tags"] = tags(body["tags"])
    return data


def tags(value: Any) -> list[str]:
    """Shopify's comma-separated tags."""
    found = [text(tag, 256) for tag in value.split(",")] if isinstance(value, str) else []
    return [tag for tag in found if tag is not None][:250]
