"""A record on its way into a handler: decoded, or already known to be poison."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from comeback_kit import inbox
from comeback_kit.events import MAX_EVENT_BYTES, Event
from comeback_kit.log.port import Record

_DECODER: Final = msgspec.json.Decoder(Event)
_KEY_MOST: Final = 512  # characters; three such keys fit into an index row

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an even number of backslashes before it: not itself escaped


@dataclass(slots=True, eq=False)
class Delivery:
    """One record; ``event`` is None when it cannot be decoded; ``reason`` says why it goes to the dead letters."""

    record: Record
    event: Event | None
    reason: str | None = None


def decode(records: Sequence[Record], types: frozenset[str] | None) -> list[Delivery]:
    """The records of one topic without repeated events (the first of each stays); poison is marked with its reason."""
    deliveries = []
    seen: set[tuple[str, str, str]] = set()
    for record in records:
        delivery = _decode(record, types)
        if delivery.event is not None:
            key = inbox.identity(delivery.event)
            if key in seen:
                continue
            seen.add(key)
        deliveries.append(delivery)
    return deliveries


def _decode(record: Record, types: frozenset[str] | None) -> Delivery:
    if len(record.value) > MAX_EVENT_BYTES:
        return Delivery(record, None, f"too large: the event has {len(record.value)} bytes of {MAX_EVENT_BYTES}")
    try:
        event = _DECODER.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Delivery(record, None, f"not a CloudEvents document: {error}")
    if b"\\u0000" in record.value and _NUL.search(record.value):
        return Delivery(record, None, "a text holds NUL, which no database keeps")
    if types is not None and event.type not in types:
        return Delivery(record, None, f"unknown type {event.type[:100]!r} on {record.topic}")
    if not (
        0 < len(event.id) <= _KEY_MOST and 0 < len(event.source) <= _KEY_MOST and 0 < len(event.shopid) <= _KEY_MOST
    ):
        return Delivery(record, None, f"id, source and shopid must have 1 to {_KEY_MOST} characters")
    return Delivery(record, event)
