"""What people do in a shop besides buying."""

from pydantic import Field

from comeback_contracts.attributes import Attributes
from comeback_contracts.ids import Id
from comeback_contracts.instants import PastInstant
from comeback_contracts.model import Contract, FieldwiseContract
from comeback_contracts.money import Amount, Currency
from comeback_contracts.orders import Quantity
from comeback_contracts.people import Email
from comeback_contracts.text import ShortText, Text, Url


class CartLine(Contract):
    """One line of a cart; ``unit_price`` and ``total`` in minor units of the cart's currency."""

    line_id: Id | None = None
    product_id: Id | None = None
    variant_id: Id | None = None
    sku: Text | None = None
    title: Text | None = None
    quantity: Quantity
    unit_price: Amount | None = None
    total: Amount | None = None


class CartData(FieldwiseContract):
    """``cart.updated .abandoned``: the cart as it is."""

    cart_id: Id
    customer_id: Id | None = None
    email: Email | None = None
    lines: list[CartLine]
    total: Amount
    currency: Currency
    checkout_url: Url | None = None
    updated_at: PastInstant


class ProductViewed(Contract):
    """``product.viewed``."""

    customer_id: Id
    product_id: Id
    at: PastInstant


class ActivityRecorded(Contract):
    """``activity.recorded``: something that a shop may reward, told apart by ``activity_id``.

    ``kind`` is the shop's word for it: ``review``, ``share``, ``newsletter``, ``app_download`` …
    """

    activity_id: Id
    customer_id: Id
    kind: ShortText
    at: PastInstant
    order_id: Id | None = None
    product_id: Id | None = None
    channel: ShortText | None = None
    attributes: Attributes = Field(default_factory=dict)
