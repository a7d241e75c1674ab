"""From one checked event to what the log gets: contact data split off, keys and topics as the contract says."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from comeback_contracts import contact_split, topics
from comeback_contracts.envelope import CONTENT_TYPE, encode, make_event
from comeback_contracts.guest import guest_id
from comeback_contracts.registry import carries_order
from comeback_kit.log.port import Entry

SPLIT: Final = contact_split.WHAT
"""What the event is called that carries the contact data of another: its id is ``<id>:customer``."""

_KNOWN_BEFORE: Final = frozenset({topics.SHOPS, topics.CUSTOMERS, topics.CATALOG})


@dataclass(frozen=True, slots=True)
class Checked:
    """One event whose data the contract has accepted. ``time`` is the canonical text of when it happened."""

    id: str
    type: str
    time: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where events come from: the shop, the source, and the request that brought them."""

    shop_id: str
    source: str
    guest_secret: bytes
    key_id: str | None = None
    traceparent: str | None = None


def entries_of(event: Checked, origin: Origin) -> list[Entry]:
    """What the log gets of one event: the event without contact data, after a ``customer.updated`` that has it."""
    data, contact = _split(event, origin.guest_secret)
    entries = []
    if contact is not None:
        about = Checked(f"{event.id}:{SPLIT}", "customer.updated", event.time, contact)
        entries.append(_entry(about, contact, origin))
    entries.append(_entry(event, data, origin))
    return entries


def first_and_rest(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The entries of one request: what is appended first (shops, customers, catalog), and the rest.

    Readers of an order should know its shop, customer and products. And of a request that is refused halfway the
    customer may stay known, without an order; an order must not stay whose customer nobody can write to.
    """
    first: list[Entry] = []
    rest: list[Entry] = []
    for entry in entries:
        (first if entry.topic in _KNOWN_BEFORE else rest).append(entry)
    return first, rest


def _entry(event: Checked, data: dict[str, Any], origin: Origin) -> Entry:
    document = make_event(
        id=event.id,
        source=origin.source,
        type=event.type,
        time=event.time,
        shop_id=origin.shop_id,
        subject=topics.subject_of(event.type, origin.shop_id, data),
        data=data,
        key_id=origin.key_id,
        traceparent=origin.traceparent,
    )
    headers = {"content-type": CONTENT_TYPE}
    if origin.traceparent is not None:
        headers["traceparent"] = origin.traceparent
    key = topics.event_key(event.type, origin.shop_id, data)
    return Entry(topics.topic_of(event.type), key, encode(document), headers)


def _split(event: Checked, secret: bytes) -> tuple[dict[str, Any], dict[str, Any] | None]:
    if carries_order(event.type):
        split = contact_split.split_contact(event.data["order"], secret=secret, event_time=event.time)
        return {**event.data, "order": split.order}, split.customer
    if event.type.startswith("cart.") and event.data.get("email"):
        return _split_cart(event.data, secret)
    return event.data, None


def _split_cart(cart: dict[str, Any], secret: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """A cart's e-mail is contact data as an order's is; whose cart it is stays readable from ``customer_id``."""
    customer_id = cart.get("customer_id") or guest_id(secret, email=cart["email"])
    bare = {name: value for name, value in cart.items() if name != "email"}
    contact = {"customer_id": customer_id, "email": cart["email"], "updated_at": cart["updated_at"]}
    return {**bare, "customer_id": customer_id}, contact
