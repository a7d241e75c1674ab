"""CloudEvents 1.0, structured JSON: the one form of every event, on Kafka and in the table log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from comeback_contracts.instants import canonical, format_instant
from comeback_contracts.model import Contract
from comeback_contracts.text import has_escaped_nul

CONTENT_TYPE: Final = "application/cloudevents+json"
SPEC_VERSION: Final = "1.0"
DATA_TYPE: Final = "application/json"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. ``data`` is undecoded JSON; ``time`` the canonical text of when it happened.

    ``id`` is unique per (``shopid``, ``source``). Readers ignore attributes that they do not know.
    """

    id: str
    source: str
    type: str
    time: str
    subject: str
    shopid: str
    data: msgspec.Raw
    # Plain defaults are left out of the document, the values of a factory are not.
    specversion: str = msgspec.field(default_factory=lambda: SPEC_VERSION)
    datacontenttype: str = msgspec.field(default_factory=lambda: DATA_TYPE)
    keyid: str | None = None
    traceparent: str | None = None


class Origin(Protocol):
    """What an event that follows from another takes over. The kit's event is one too."""

    @property
    def id(self) -> str: ...
    @property
    def shopid(self) -> str: ...
    @property
    def traceparent(self) -> str | None: ...


class _Read(Event, frozen=True, kw_only=True):
    """As read: what must be said has no default."""

    specversion: str


class Draft(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event whose ``data`` is encoded with it: for those who make thousands. Nothing in it is checked."""

    data: Any


class MalformedEvent(ValueError):
    """Bytes that are no event of ours; the message says why."""


_OPENING_BRACE: Final = ord("{")
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Read)

Data = bytes | msgspec.Raw | Mapping[str, Any] | Contract


def encode(event: Event) -> bytes:
    """The event as one JSON document."""
    return _ENCODER.encode(event)


def decode(document: bytes) -> Event:
    """The event of a document. Raises ``MalformedEvent`` (a ``ValueError``) with the reason."""
    try:
        str(document, "utf-8")
        event = _DECODER.decode(document)
    except UnicodeDecodeError as error:
        raise MalformedEvent(f"is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise MalformedEvent("is nested too deep") from None
    except msgspec.DecodeError as error:
        raise MalformedEvent(str(error)) from None
    if event.specversion != SPEC_VERSION:
        raise MalformedEvent(f"specversion is {event.specversion[:20]!r}, not {SPEC_VERSION!r}")
    if has_escaped_nul(document):
        raise MalformedEvent("has NUL in a text")
    _check_attributes(event)
    return event


def make_event(
    *,
    id: str,  # noqa: A002  # the attribute's name in CloudEvents
    source: str,
    type: str,  # noqa: A002
    time: datetime | str,
    shop_id: str,
    subject: str,
    data: Data,
    key_id: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """A new event. ``data`` is a mapping, a contract model, or its JSON. Raises ``ValueError`` for a bad ``time``."""
    return Event(
        id=id,
        source=source,
        type=type,
        time=canonical(time) if isinstance(time, str) else format_instant(time),
        subject=subject,
        shopid=shop_id,
        data=_raw(data),
        specversion=SPEC_VERSION,
        datacontenttype=DATA_TYPE,
        keyid=key_id,
        traceparent=traceparent,
    )


def derive(
    origin: Origin,
    *,
    type: str,  # noqa: A002
    what: str,
    subject: str,
    data: Data,
    time: datetime | str,
    source: str,
) -> Event:
    """An event that follows from another: id ``<id>:<what>``, the same shop and trace.

    Derived again from a repeated event it has the same id, so that readers see one.
    """
    return make_event(
        id=f"{origin.id}:{what}",
        source=source,
        type=type,
        time=time,
        shop_id=origin.shopid,
        subject=subject,
        data=data,
        traceparent=origin.traceparent,
    )


def _raw(data: Data) -> msgspec.Raw:
    if isinstance(data, msgspec.Raw):
        return data
    if isinstance(data, bytes):
        return msgspec.Raw(data)
    return msgspec.Raw(_ENCODER.encode(data.as_data() if isinstance(data, Contract) else data))


def _check_attributes(event: Event) -> None:
    for name in ("id", "source", "type", "subject", "shopid"):
        if not getattr(event, name):
            raise MalformedEvent(f"{name} is empty")
    if memoryview(event.data)[0] != _OPENING_BRACE:
        raise MalformedEvent("data is no JSON object")
    try:
        canonical(event.time)
    except ValueError as error:
        raise MalformedEvent(f"time {error}") from None
