"""What is known of an order: as JSON, as arithmetic looks at it, and as a plain object where it has to be merged."""

import re
from typing import Any, Final

import msgspec

from comeback_contracts.order_merge import OrderState, from_event
from comeback_contracts.order_merge import merge as merge_states
from comeback_contracts.order_reading import snapshot_in, view_in, view_of
from comeback_contracts.order_view import OrderView
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.log.port import Record

_NOTES: Final = "attributes"
_BUYER: Final = re.compile(rb'"customer":\{[^{}]*?"customer_id":("[^"]*")')
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Known:
    """One state of an order. ``document`` is its JSON; the plain object is made when somebody asks for it."""

    __slots__ = ("_state", "document", "view")

    def __init__(self, document: bytes, view: OrderView, state: OrderState | None = None) -> None:
        self.document = document
        self.view = view
        self._state = state

    @classmethod
    def of(cls, state: OrderState) -> "Known":
        """What a plain object says."""
        return cls(_encode(state), view_of(state), state)

    @classmethod
    def stored(cls, document: bytes) -> "Known":
        """What was written before."""
        return cls(document, view_in(document))

    @property
    def state(self) -> OrderState:
        """The plain object; never change it in place."""
        if self._state is None:
            self._state = _decode(self.document)
        return self._state

    @property
    def has_snapshot(self) -> bool:
        """Whether more than refunds of the order has come."""
        return self.view.updated_at is not None

    def merged_with(self, other: "Known") -> "Known":
        """Both together; itself where the other says nothing new."""
        if other.document == self.document:
            return self
        merged = merge_states(self.state, other.state)
        return self if merged is self.state or merged == self.state else Known.of(merged)

    def without_notes(self) -> "Known":
        """The same without the order's attributes; itself where it has none."""
        if self.view.attributes is None:
            return self
        return Known.of({name: value for name, value in self.state.items() if name != _NOTES})


def state_in(event: Event) -> Known:
    """The order that an event tells of; the consumer reads it ahead of its turn. Raises ``PoisonEvent``.

    Without the attributes of its lines: engravings and names, which no rule asks for, so none are kept.
    """
    found = snapshot_in(event.data)
    if found is not None:
        return Known(found.document, found.view)
    try:
        state = from_event(event.data, event.time)
    except ValueError as error:
        raise PoisonEvent(event, f"data holds no order: {error}") from error
    for line in state.get("lines") or ():
        line.pop(_NOTES, None)
    return Known.of(state)


def buyer_in(record: Record) -> bytes:
    """Whose points the order of a record moves, as far as a glance tells; else the record's key. For lanes only."""
    found = _BUYER.search(record.value)
    return record.key if found is None else found[1]
