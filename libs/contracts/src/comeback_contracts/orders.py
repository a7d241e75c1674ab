"""The order as callers send it, and returns of it. All money is in minor units of the order's ``currency``."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from comeback_contracts.attributes import Attributes
from comeback_contracts.ids import Id
from comeback_contracts.instants import Instant, PastInstant
from comeback_contracts.model import Contract
from comeback_contracts.money import Amount, Count, Currency
from comeback_contracts.order_sums import line_total, order_total
from comeback_contracts.people import Email, Phone
from comeback_contracts.problems import DOES_NOT_ADD_UP
from comeback_contracts.text import Country, Locale, ShortText, Text

Quantity = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
State = Literal["open", "closed", "cancelled"]
PaymentState = Literal["pending", "paid", "partially_refunded", "refunded", "voided"]
FulfilmentState = Literal["unfulfilled", "partial", "fulfilled", "delivered"]


class OrderCustomer(Contract):
    """Who ordered. A guest has no ``customer_id``; e-mail or phone tell guests apart.

    ``email``, ``phone``, ``first_name`` and ``last_name`` are only for the way in: the gateway moves them into
    ``customer.updated``, and they never stand on the orders topic.
    """

    customer_id: Id | None = None
    email: Email | None = None
    phone: Phone | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    locale: Locale | None = None
    country: Country | None = None


class Line(Contract):
    """``total`` = ``quantity`` × ``unit_price`` − ``discount``, gross of refunds, tax as the shop shows it."""

    line_id: Id
    product_id: Id | None = None
    variant_id: Id | None = None
    sku: Text | None = None
    title: Text = ""
    category_ids: list[Id] = Field(default_factory=list)
    quantity: Quantity
    unit_price: Amount
    discount: Amount = 0
    tax: Amount = 0
    total: Amount = Field(default_factory=line_total, validate_default=True)
    is_gift_card: bool = False
    attributes: Attributes | None = None

    @field_validator("total")
    @classmethod
    def _adds_up(cls, total: int, info: ValidationInfo) -> int:
        if abs(total - line_total(info.data)) > 1 and {"quantity", "unit_price", "discount"} <= info.data.keys():
            raise PydanticCustomError(DOES_NOT_ADD_UP, "is not quantity × unit_price − discount")
        return total


class Discount(Contract):
    """What was taken off the whole order, not already in a line's ``discount``. ``amount`` is positive."""

    code: Text | None = None
    kind: Literal["order", "shipping", "points", "other"] = "order"
    amount: Amount


class RefundLine(Contract):
    """Goods taken back: ``amount`` in the terms of the line's ``total``."""

    line_id: Id
    quantity: Quantity = 0
    amount: Amount = 0


class Refund(Contract):
    """Money given back. What of ``amount`` its lines, shipping and tax do not explain is spread over the lines."""

    refund_id: Id
    at: PastInstant
    lines: list[RefundLine] = Field(default_factory=list)
    shipping: Amount = 0
    tax: Amount = 0
    amount: Amount


def _each_once(items: list[Any], name: str) -> list[Any]:
    seen: set[str] = set()
    for item in items:
        key = getattr(item, name)
        if key in seen:
            raise PydanticCustomError("repeated", "has {name} {key} twice", {"name": name, "key": key})
        seen.add(key)
    return items


class Order(Contract):
    """The whole order as it is now: every event carries all of it, and the one with the later ``updated_at`` holds.

    ``updated_at`` defaults to the event's time.
    """

    order_id: Id
    number: Text | None = None
    state: State = "open"
    payment_state: PaymentState = "pending"
    fulfilment_state: FulfilmentState = "unfulfilled"
    is_test: bool = False
    channel: ShortText | None = None
    currency: Currency
    tax_included: bool = False
    customer: OrderCustomer | None = None
    lines: list[Line]
    discounts: list[Discount] = Field(default_factory=list)
    shipping: Amount = 0
    tax: Amount = 0
    tip: Amount = 0
    total: Amount
    refunds: list[Refund] = Field(default_factory=list)
    attributes: Attributes | None = None
    placed_at: PastInstant
    paid_at: PastInstant | None = None
    fulfilled_at: PastInstant | None = None
    delivered_at: PastInstant | None = None
    estimated_delivery_at: Instant | None = None
    cancelled_at: PastInstant | None = None
    updated_at: PastInstant | None = None

    @field_validator("lines")
    @classmethod
    def _lines_once(cls, lines: list[Line]) -> list[Line]:
        return _each_once(lines, "line_id")

    @field_validator("refunds")
    @classmethod
    def _refunds_once(cls, refunds: list[Refund]) -> list[Refund]:
        return _each_once(refunds, "refund_id")

    @field_validator("total")
    @classmethod
    def _adds_up(cls, total: int, info: ValidationInfo) -> int:
        expected = order_total(info.data)
        if expected is not None and abs(total - expected) > len(info.data["lines"]):
            raise PydanticCustomError(
                DOES_NOT_ADD_UP,
                "is {total}, but lines + shipping + tax + tip − discounts are {expected}",
                {"total": total, "expected": expected},
            )
        return total


class OrderRefunds(Contract):
    """Refunds of an order that the sender does not have at hand: they are kept until the order comes."""

    order_id: Id
    refunds: list[Refund] = Field(min_length=1)
    updated_at: PastInstant | None = None

    @field_validator("refunds")
    @classmethod
    def _refunds_once(cls, refunds: list[Refund]) -> list[Refund]:
        return _each_once(refunds, "refund_id")


class OrderData(Contract):
    """``order.placed .updated .paid .fulfilled .delivered .cancelled``: the order as it is."""

    order: Order


class OrderRefundsData(Contract):
    """``order.refunded`` of a sender that knows only the refunds."""

    order: OrderRefunds


class OrderRefundedData(Contract):
    """``order.refunded``: the order as it is, or only its refunds."""

    order: Order | OrderRefunds


class ReturnLine(Contract):
    """What comes back of a line, and why."""

    line_id: Id
    quantity: Count = 1
    reason: Text | None = None


class ReturnData(Contract):
    """``return.requested .received``: goods on their way back. Money comes with a refund of the order."""

    return_id: Id
    order_id: Id
    customer_id: Id | None = None
    lines: list[ReturnLine] = Field(default_factory=list)
    at: PastInstant
