"""What a batch of the customers topic says, sorted into sets that can be applied together. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from comeback_kit.events import Event
from notifications import consents, contacts
from notifications.contacts import Field
from notifications.instants import sortable
from notifications.recipients import CustomerKey
from notifications.views import ConsentData, ContactData, ErasedData, MergedData

CONTACT_TYPES: Final = ("customer.registered", "customer.updated")
TYPES: Final = frozenset({*CONTACT_TYPES, "customer.merged", "customer.consent_changed", "customer.erased"})

_EMAIL_WORDS: Final = frozenset({"email", "e-mail", "all", "any", "*"})


@dataclass(frozen=True, slots=True)
class Consent:
    """One statement about one category of one channel."""

    channel: str
    purpose: str
    state: str
    at: datetime


@dataclass(slots=True)
class Segment:
    """A stretch of the batch. Contacts and consents commute with everything in it; merges come before erasures."""

    merges: list[tuple[str, str, str]] = field(default_factory=list)  # shop, from, into
    erased: dict[CustomerKey, datetime] = field(default_factory=dict)
    contacts: dict[CustomerKey, dict[str, Field]] = field(default_factory=dict)
    consents: list[tuple[CustomerKey, Consent]] = field(default_factory=list)

    def customers(self) -> set[CustomerKey]:
        """Every customer that the segment names."""
        merged = {(shop, one) for shop, *pair in self.merges for one in pair}
        return merged | set(self.erased) | set(self.contacts) | {key for key, _ in self.consents}


def segments(events: Iterable[Event]) -> Sequence[Segment]:
    """The batch in as few segments as keep its meaning: a merge that follows an erasure starts a new one."""
    found = [Segment()]
    for event in events:
        if event.type == "customer.merged" and found[-1].erased:
            found.append(Segment())
        _take(found[-1], event)
    return found


def _take(segment: Segment, event: Event) -> None:
    shop_id = event.shopid
    if event.type == "customer.merged":
        merged = event.view(MergedData)
        segment.merges.append((shop_id, merged.source, merged.into))
    elif event.type == "customer.erased":
        erased = event.view(ErasedData)
        key = (shop_id, erased.customer_id)
        segment.erased[key] = max(erased.at, segment.erased.get(key, erased.at))
    elif event.type == "customer.consent_changed":
        said = event.view(ConsentData)
        channel = "email" if said.channel.strip().lower() in _EMAIL_WORDS else said.channel.strip().lower()
        for purpose in consents.purposes_of(said.purpose):
            consent = Consent(channel, purpose, consents.state_of(said.state), said.at)
            segment.consents.append(((shop_id, said.customer_id), consent))
    else:
        contact = event.view(ContactData)
        key = (shop_id, contact.customer_id)
        stated = contacts.fields_of(contact, sortable(contact.updated_at or event.at))
        segment.contacts[key] = contacts.merge(segment.contacts.get(key, {}), stated)
