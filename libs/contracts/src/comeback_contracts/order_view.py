"""An order as arithmetic looks at it: typed, read-only, and much smaller and faster to read than a plain object.

States stay plain dicts, because they merge; ``order_reading`` makes a view of one, or of an event's bytes.
"""

from collections.abc import Mapping
from types import GenericAlias
from typing import Any, Final, Literal, TypeAlias, get_args, get_type_hints

import msgspec

from comeback_contracts.order_wire import Count, Identifier, Int, Scalar


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


_ABSENT: Final = Literal["\0"]
"""What nothing in JSON that should stand there is."""


def _as_stored(view: Any, **others: Any) -> Any:
    """A view that reads only what a state would say in the same words: no unknown fields, and no nulls."""
    hints = get_type_hints(view, include_extras=True)
    needed = {field.name for field in msgspec.structs.fields(view) if field.required}
    fields: list[Any] = [
        (name, others.get(name, hint)) if name in needed else (name, others.get(name, get_args(hint)[0]), None)
        for name, hint in hints.items()
    ]
    return msgspec.defstruct(
        f"_Stored{view.__name__}", fields, bases=(view,), frozen=True, gc=False, forbid_unknown_fields=True
    )


_StoredLine: Final = _as_stored(LineView, attributes=_ABSENT)  # the numbers of attributes may have another form
StoredOrder: Final = _as_stored(
    OrderView,
    customer=_as_stored(CustomerView),
    lines=GenericAlias(list, _StoredLine),
    discounts=GenericAlias(list, _as_stored(DiscountView)),
    refunds=_ABSENT,  # a map in a state
    attributes=_ABSENT,
)
