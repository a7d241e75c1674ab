"""A record on its way into a handler: decoded, or already known to be poison."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from comeback_kit import inbox
from comeback_kit.events import MAX_EVENT_BYTES, Event
from comeback_kit.log.port import Record

_DECODER: Final = msgspec.json.Decoder(Event)
_KEY_MOST: Final = 512  # characters; three such keys fit into an index row

_SLICE: Final = 20
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an even number of backslashes before it: not itself escaped


Reader: TypeAlias = Callable[[Event], Any]
"""A pure reading of an event, done before its turn."""


class Delivery:
    """One record; ``event`` is None when it cannot be decoded; ``reason`` says why it goes to the dead letters."""

    __slots__ = ("event", "reason", "record")

    def __init__(self, record: Record, event: Event | None, reason: str | None = None) -> None:
        self.record = record
        self.event = event
        self.reason = reason


class Batch:
    """The records of one transaction. ``ahead``: what the subscription read of an event before its turn, by ``id``."""

    __slots__ = ("ahead", "deliveries", "records")

    def __init__(self, records: Sequence[Record], deliveries: list[Delivery], ahead: dict[int, Any]) -> None:
        self.records = records
        self.deliveries = deliveries
        self.ahead = ahead


async def read_batch(records: Sequence[Record], types: frozenset[str] | None, reader: Reader | None) -> Batch:
    """Decode the records of one topic, without repeated events (the first of each stays), and read ahead.

    It gives way often: the transaction of the batch before is under way, and needs us whenever PostgreSQL answers.
    """
    batch = Batch(records, [], {})
    seen: set[tuple[str, str, str]] = set()
    for first in range(0, len(records), _SLICE):
        found = decode(records[first : first + _SLICE], types, seen)
        batch.deliveries += found
        if reader is not None:
            for delivery in found:
                _read_ahead(delivery.event, reader, batch.ahead)
        await asyncio.sleep(0)
    return batch


def _read_ahead(event: Event | None, reader: Reader, ahead: dict[int, Any]) -> None:
    if event is not None:
        try:
            ahead[id(event)] = reader(event)
        except Exception:  # noqa: BLE001  # it fails again in the handler, where failures are sorted
            return


def decode(
    records: Sequence[Record], types: frozenset[str] | None, seen: set[tuple[str, str, str]] | None = None
) -> list[Delivery]:
    """The records without events that are repeated or in ``seen`` already; poison is marked with its reason."""
    deliveries = []
    seen = set() if seen is None else seen
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
