"""Views of orders, made of what there is: an order or its state, a stored state, an event's bytes."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Final

import msgspec

from comeback_contracts.instants import canonical
from comeback_contracts.order_view import Order, OrderView, StoredOrder
from comeback_contracts.order_wire import INSTANTS

_OPENING: Final = b'{"order":'
_CLOSING: Final = b"}}"
_NO_REFUNDS: Final = b',"refunds":{}}'
_DECODER: Final = msgspec.json.Decoder(StoredOrder)
_STORED: Final = msgspec.json.Decoder(OrderView)
_PLAIN: Final = len("2026-01-31T12:00:00Z")
_instants: Final[Callable[[OrderView], tuple[str | None, ...]]] = attrgetter(*INSTANTS)


def view_of(order: Order) -> OrderView:
    """The view of an order. Raises ``ValueError`` for what holds none."""
    return order if isinstance(order, OrderView) else msgspec.convert(order, OrderView)


def view_in(document: bytes) -> OrderView:
    """The view of an order state's JSON."""
    return _STORED.decode(document)


class Snapshot:
    """An order state as JSON, and the view of it."""

    __slots__ = ("document", "view")

    def __init__(self, document: bytes, view: OrderView) -> None:
        self.document = document
        self.view = view


def snapshot_in(data: bytes | msgspec.Raw) -> Snapshot | None:
    """The state in an event's data where it stands there as a state would be written; else None: use ``from_event``.

    Most orders come like that, in one event of the gateway's; reading them this way makes no dict and writes no JSON.
    """
    raw = bytes(data)
    if not raw.startswith(_OPENING) or not raw.endswith(_CLOSING):
        return None
    try:
        view = _DECODER.decode(raw[len(_OPENING) : -1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not _is_whole(view):
        return None
    return Snapshot(raw[len(_OPENING) : -len(_CLOSING)] + _NO_REFUNDS, view)


def _is_whole(view: OrderView) -> bool:
    """Whether it is a snapshot whose instants are in their canonical form."""
    if view.updated_at is None or view.placed_at is None or view.currency is None or view.total is None:
        return False
    if view.lines is None:
        return False
    seen: str | None = None
    for at in (view.updated_at, *_instants(view)):
        if at is None or at == seen:  # most of an order's instants are the same one
            continue
        if not (_is_plain(at) or _is_canonical(at)):
            return False
        seen = at
    return True


def _is_plain(at: str) -> bool:
    """Whether it is a canonical instant without a fraction, as nearly all are: found without a regular expression."""
    if len(at) != _PLAIN or at[19] != "Z" or at[10] != "T":
        return False
    if at[4] != "-" or at[7] != "-" or at[13] != ":" or at[16] != ":" or "\0" in at:  # NUL ends what Python reads
        return False
    try:
        datetime.fromisoformat(at)  # digits elsewhere, and an instant of the calendar
    except ValueError:
        return False
    return True


def _is_canonical(at: str) -> bool:
    try:
        return canonical(at) == at
    except ValueError:
        return False
