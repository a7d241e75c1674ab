"""An order as arithmetic looks at it: typed, read-only, and much smaller and faster to read than a plain object.

States stay plain dicts, because they merge; a view is made of one, or straight from an event's bytes.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from comeback_contracts.instants import canonical
from comeback_contracts.order_wire import INSTANTS, Count, Identifier, Int, Scalar


class LineView(msgspec.Struct, frozen=True, gc=False):
    """One line. What is unknown is None, as everywhere in a view."""

    line_id: Identifier
    quantity: Count
    total: Int
    product_id: str | None = None
    variant_id: str | None = None
    sku: str | None = None
    title: str | None = None
    category_ids: list[str] | None = None
    unit_price: Int | None = None
    discount: Int | None = None
    tax: Int | None = None
    is_gift_card: bool | None = None
    attributes: dict[str, Scalar] | None = None


class CustomerView(msgspec.Struct, frozen=True, gc=False):
    """The buyer."""

    customer_id: Identifier | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    country: str | None = None


class DiscountView(msgspec.Struct, frozen=True, gc=False):
    """One discount of the whole order."""

    amount: Int
    code: str | None = None
    kind: str | None = None


class RefundLineView(msgspec.Struct, frozen=True, gc=False):
    """What of a line a refund gives back."""

    line_id: Identifier
    quantity: Int | None = None
    amount: Int | None = None


class RefundView(msgspec.Struct, frozen=True, gc=False):
    """One refund."""

    refund_id: Identifier
    at: str | None = None
    lines: list[RefundLineView] | None = None
    shipping: Int | None = None
    tax: Int | None = None
    amount: Int | None = None


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """An order, or what is known of it. ``refunds`` is a map in a state and a list in an order as it was sent."""

    order_id: Identifier
    number: str | None = None
    state: str | None = None
    payment_state: str | None = None
    fulfilment_state: str | None = None
    is_test: bool | None = None
    channel: str | None = None
    currency: str | None = None
    tax_included: bool | None = None
    customer: CustomerView | None = None
    lines: list[LineView] | None = None
    discounts: list[DiscountView] | None = None
    shipping: Int | None = None
    tax: Int | None = None
    tip: Int | None = None
    total: Int | None = None
    refunds: dict[str, RefundView] | list[RefundView] | None = None
    attributes: dict[str, Scalar] | None = None
    placed_at: str | None = None
    paid_at: str | None = None
    fulfilled_at: str | None = None
    delivered_at: str | None = None
    estimated_delivery_at: str | None = None
    cancelled_at: str | None = None
    updated_at: str | None = None


Order: TypeAlias = OrderView | Mapping[str, Any]
"""What a view can be made of: itself, an order state, an order as it was sent."""


class _Line(LineView, frozen=True, gc=False, forbid_unknown_fields=True):
    """A line without anything that a state would not keep as it is."""


class _Customer(CustomerView, frozen=True, gc=False, forbid_unknown_fields=True): ...


class _Discount(DiscountView, frozen=True, gc=False, forbid_unknown_fields=True): ...


class _Plain(OrderView, frozen=True, gc=False, forbid_unknown_fields=True):
    customer: _Customer | None = None
    lines: list[_Line] | None = None  # type: ignore[assignment]  # read-only, so a list of a narrower type is one
    discounts: list[_Discount] | None = None  # type: ignore[assignment]


class _Data(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    order: _Plain


class Snapshot(NamedTuple):
    """An order state as JSON, and the view of it."""

    document: bytes
    view: OrderView


_OPENING: Final = b'{"order":'
_CLOSING: Final = b"}}"
# What a state has in another form than the event: no nulls, numbers of one form, refunds as a map.
_REFORMED: Final = (b"null", b'"attributes"', b'"refunds"')
_DECODER: Final = msgspec.json.Decoder(_Data)
_STORED: Final = msgspec.json.Decoder(OrderView)


def view_of(order: Order) -> OrderView:
    """The view of an order. Raises ``ValueError`` for what holds none."""
    return order if isinstance(order, OrderView) else msgspec.convert(order, OrderView)


def view_in(document: bytes) -> OrderView:
    """The view of an order state's JSON."""
    return _STORED.decode(document)


def snapshot_in(data: bytes | msgspec.Raw) -> Snapshot | None:
    """The state in an event's data where it stands there as a state would be written; else None: use ``from_event``.

    Most orders come like that, in one event of the gateway's; reading them this way makes no dict and writes no JSON.
    """
    raw = bytes(data)
    if not raw.startswith(_OPENING) or not raw.endswith(_CLOSING) or raw.count(_OPENING[1:]) != 1:
        return None
    if any(text in raw for text in _REFORMED):
        return None
    try:
        view = _DECODER.decode(raw).order
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not _is_whole(view):
        return None
    return Snapshot(b'%b,"refunds":{}}' % raw[len(_OPENING) : -len(_CLOSING)], view)


def _is_whole(view: OrderView) -> bool:
    """Whether it is a snapshot whose instants are in their canonical form."""
    if view.updated_at is None or view.placed_at is None or view.currency is None or view.total is None:
        return False
    if view.lines is None:
        return False
    try:
        return all(canonical(at) == at for at in _instants(view) if at is not None)
    except ValueError:
        return False


def _instants(view: OrderView) -> tuple[str | None, ...]:
    return (view.updated_at, *[getattr(view, name) for name in INSTANTS])
