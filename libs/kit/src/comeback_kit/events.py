"""What travels on the log: CloudEvents 1.0, structured JSON, read with one msgspec struct.

The business meaning of ``type`` and ``data`` is the contracts' affair; the kit reads only the envelope.
"""

import builtins
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from comeback_kit.errors import PoisonEvent
from comeback_kit.log.port import Entry

MAX_EVENT_BYTES = 1024 * 1024
"""A consumer takes larger events for poison."""

OutgoingEvent = Entry
"""topic, key, value (the encoded event), headers: what ``outbox.add`` takes and the log appends."""

T = TypeVar("T")


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event as a handler gets it. ``data`` is undecoded JSON; ``event.view(MyStruct)`` reads the part needed."""

    id: str
    source: str
    type: str
    time: str
    shopid: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    subject: str | None = None
    keyid: str | None = None
    traceparent: str | None = None

    @property
    def at(self) -> datetime:
        """``time`` as an aware instant. Raises ``PoisonEvent`` when it is none."""
        try:
            instant = msgspec.convert(self.time, datetime)
        except msgspec.ValidationError:
            instant = None
        if instant is None or instant.tzinfo is None:
            raise PoisonEvent(self, f"time is no RFC 3339 instant: {self.time[:40]!r}")
        return instant

    def view(self, struct: builtins.type[T]) -> T:
        """``data`` decoded into a struct of the service. Raises ``PoisonEvent`` when it does not fit."""
        try:
            return _decoder(struct).decode(self.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise PoisonEvent(self, f"data does not fit {struct.__name__}: {error}") from error


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(struct: type[T]) -> "msgspec.json.Decoder[T]":
    decoder = _DECODERS.get(struct)
    if decoder is None:
        decoder = _DECODERS[struct] = msgspec.json.Decoder(struct)
    return decoder
