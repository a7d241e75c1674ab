"""The order as it stands on the log: plain dicts, checked for types by msgspec, in a form in which equal means equal.

Readers ignore unknown fields and take unknown enum values as opaque, so this is looser than ``orders.Order``, which
checks what callers send.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Required, TypeAlias, TypedDict

import msgspec

from comeback_contracts.instants import canonical
from comeback_contracts.money import MAX_SAFE

OrderState: TypeAlias = dict[str, Any]
"""What is known of one order, as a plain JSON object. Never change one in place: merged states share their parts.

The fields of ``orders.Order`` that are known (none is null), except ``refunds``: a map of ``refund_id`` to the refund,
each with the ``updated_at`` of the event that brought it. ``updated_at`` is the snapshot's time and absent as long as
only refunds have come.
"""

INSTANTS: Final = ("placed_at", "paid_at", "fulfilled_at", "delivered_at", "estimated_delivery_at", "cancelled_at")
_SNAPSHOT_NEEDS: Final = ("currency", "lines", "total", "placed_at")
_REFUND_ONLY: Final = frozenset({"order_id", "refunds", "updated_at"})

Int = Annotated[int, msgspec.Meta(ge=-MAX_SAFE, le=MAX_SAFE)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Scalar: TypeAlias = Int | float | str | bool | None


class _Customer(TypedDict, total=False):
    customer_id: Identifier | None
    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None
    locale: str | None
    country: str | None


class _Line(TypedDict, total=False):
    line_id: Required[Identifier]
    product_id: str | None
    variant_id: str | None
    sku: str | None
    title: str | None
    category_ids: list[str] | None
    quantity: Required[Count]
    unit_price: Int | None
    discount: Int | None
    tax: Int | None
    total: Required[Int]
    is_gift_card: bool | None
    attributes: dict[str, Scalar] | None


class _Discount(TypedDict, total=False):
    code: str | None
    kind: str | None
    amount: Required[Int]


class _RefundLine(TypedDict, total=False):
    line_id: Required[Identifier]
    quantity: Int | None
    amount: Int | None


class _Refund(TypedDict, total=False):
    refund_id: Required[Identifier]
    at: str | None
    lines: list[_RefundLine] | None
    shipping: Int | None
    tax: Int | None
    amount: Int | None


class _Order(TypedDict, total=False):
    order_id: Required[Identifier]
    number: str | None
    state: str | None
    payment_state: str | None
    fulfilment_state: str | None
    is_test: bool | None
    channel: str | None
    currency: str | None
    tax_included: bool | None
    customer: _Customer | None
    lines: list[_Line] | None
    discounts: list[_Discount] | None
    shipping: Int | None
    tax: Int | None
    tip: Int | None
    total: Int | None
    refunds: list[_Refund] | None
    attributes: dict[str, Scalar] | None
    placed_at: str | None
    paid_at: str | None
    fulfilled_at: str | None
    delivered_at: str | None
    estimated_delivery_at: str | None
    cancelled_at: str | None
    updated_at: str | None


class _Data(TypedDict):
    order: _Order


_DECODER: Final = msgspec.json.Decoder(_Data)


def read_order(data: bytes | msgspec.Raw | Mapping[str, Any], event_time: str) -> dict[str, Any]:
    """The order of an ``order.*`` event's data: typed, without nulls, instants canonical, ``updated_at`` said.

    Raises ``ValueError`` for what is no order: a wrong type, a missing field, an instant that is none.
    """
    try:
        order: dict[str, Any]
        if isinstance(data, bytes | msgspec.Raw):
            order = _DECODER.decode(data)["order"]  # type: ignore[assignment]  # a TypedDict is a dict
            if b"null" in memoryview(data).tobytes():
                order = _without_nulls(order)
        else:
            order = _without_nulls(msgspec.convert(data, _Data)["order"])
    except RecursionError:
        raise ValueError("is nested too deep") from None
    order["updated_at"] = canonical(order.get("updated_at") or event_time)
    for name in INSTANTS:
        if name in order:
            order[name] = canonical(order[name])
    for refund in order.get("refunds") or ():
        if "at" in refund:
            refund["at"] = canonical(refund["at"])
    if not is_refund_only(order):
        _check_snapshot(order)
    return order


def is_refund_only(order: Mapping[str, Any]) -> bool:
    """Whether the order says nothing but its refunds."""
    return _REFUND_ONLY.issuperset(order)


def _check_snapshot(order: dict[str, Any]) -> None:
    for name in _SNAPSHOT_NEEDS:
        if name not in order:
            raise ValueError(f"order.{name} is missing")
    if "attributes" in order:
        order["attributes"] = _numbers(order["attributes"])
    for line in order["lines"]:
        if "attributes" in line:
            line["attributes"] = _numbers(line["attributes"])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_nulls(item) if isinstance(item, dict | list) else item
            for name, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [_without_nulls(item) if isinstance(item, dict | list) else item for item in value]
    return value


def _numbers(attributes: dict[str, Any]) -> dict[str, Any]:
    """One form for one number: 1.0 is 1, which is also how RFC 8785 writes it."""
    return {name: _number(value) if isinstance(value, float) else value for name, value in attributes.items()}


def _number(value: float) -> float | int:
    if not math.isfinite(value):
        raise ValueError("an attribute is no finite number")
    return int(value) if value.is_integer() and abs(value) <= MAX_SAFE else value
