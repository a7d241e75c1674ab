"""A customer's choice of mails: read and changed, through the API, the preference page, or one click."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from comeback_kit.db import Connection
from comeback_kit.errors import FieldError, Unprocessable
from notifications import consent_store, erasures, queries
from notifications.consents import GRANTED, WITHDRAWN, preferences
from notifications.shop_secrets import SecretStore
from notifications.workflows import CATEGORIES, turned_off_by_one_click


async def read(tx: Connection, shop_id: str, customer_id: str) -> dict[str, bool]:
    """Every category with its answer; a customer that we never heard of has the defaults."""
    person = await queries.canonical(tx, shop_id, customer_id)
    return preferences(await consent_store.stated(tx, shop_id, person))


async def change(
    tx: Connection,
    shop_id: str,
    customer_id: str,
    choices: Mapping[str, bool],
    store: SecretStore,
    *,
    now: datetime,
    origin: str,
) -> None:
    """Keep choices that were just made. An erased person's old link changes nothing: it would bring them back."""
    person = await queries.canonical(tx, shop_id, customer_id)
    decisions = {category: GRANTED if wanted else WITHDRAWN for category, wanted in choices.items()}
    key = (shop_id, person)
    if decisions and not await erasures.is_gone(tx, key, store):
        await consent_store.decide(tx, key, decisions, now=now, origin=origin)


async def unsubscribe(
    tx: Connection, shop_id: str, customer_id: str, category: str, store: SecretStore, *, now: datetime
) -> None:
    """One click (RFC 8058): no more of this category, and nothing promotional. Again and again is the same."""
    choices = dict.fromkeys(turned_off_by_one_click(category), False)
    await change(tx, shop_id, customer_id, choices, store, now=now, origin="one_click")


def check(choices: Mapping[str, bool]) -> dict[str, bool]:
    """The choices that can be kept. Raises ``Unprocessable`` for an unknown category, or a required one turned off."""
    errors = [
        FieldError(f"/categories/{category}", detail)
        for category, wanted in choices.items()
        for detail in _complaints(category, wanted=wanted)
    ]
    if errors:
        raise Unprocessable("; ".join(f"{one.pointer}: {one.detail}" for one in errors), errors=errors)
    return {category: wanted for category, wanted in choices.items() if not CATEGORIES[category].required}


def _complaints(category: str, *, wanted: bool) -> Iterable[str]:
    known = CATEGORIES.get(category)
    if known is None:
        yield f"is none of {', '.join(CATEGORIES)}"
    elif known.required and not wanted:
        yield "belongs to the order and cannot be turned off"
