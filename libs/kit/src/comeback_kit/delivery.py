"""A record on its way into a handler: decoded, or already known to be poison."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from comeback_kit.events import MAX_EVENT_BYTES, Event, OutgoingEvent
from comeback_kit.log.port import Record

_decoder = msgspec.json.Decoder(Event)


@dataclass(slots=True)
class Delivery:
    """One record; ``event`` is None when it cannot be decoded; ``reason`` says why it goes to the dead letters."""

    record: Record
    event: Event | None
    reason: str | None = None


def decode(records: Sequence[Record], types: frozenset[str] | None) -> list[Delivery]:
    """Decode the records of one topic; what is broken, too large or of an unknown type is marked with its reason."""
    return [_decode(record, types) for record in records]


def _decode(record: Record, types: frozenset[str] | None) -> Delivery:
    if len(record.value) > MAX_EVENT_BYTES:
        return Delivery(record, None, f"the event has {len(record.value)} bytes; the limit is {MAX_EVENT_BYTES}")
    try:
        event = _decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Delivery(record, None, f"not a CloudEvents document: {error}")
    if types is not None and event.type not in types:
        return Delivery(record, None, f"unknown type {event.type[:100]!r} on {record.topic}")
    if "\x00" in event.id or "\x00" in event.shopid or "\x00" in event.source:
        return Delivery(record, None, "an id holds NUL")
    return Delivery(record, event)


def dead_letter(service: str, delivery: Delivery) -> OutgoingEvent:
    """The record as it goes to the service's dead-letter topic: why, where it was, and the original to the byte."""
    record = delivery.record
    document: dict[str, Any] = {
        "reason": (delivery.reason or "unknown").replace("\x00", "\\0"),
        "service": service,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key.decode("utf-8", "replace").replace("\x00", "\\0"),
        "headers": record.headers,
    }
    if delivery.event is not None:
        document["event"] = msgspec.Raw(record.value)
    document["value_base64"] = base64.b64encode(record.value).decode()
    return OutgoingEvent(f"comeback.{service}.dead-letter.v1", document["key"], msgspec.json.encode(document))
