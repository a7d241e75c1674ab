"""Products. Per field the later ``updated_at`` holds."""

from typing import Annotated

from pydantic import Field

from comeback_contracts.ids import Id
from comeback_contracts.instants import PastInstant
from comeback_contracts.model import Contract, FieldwiseContract
from comeback_contracts.money import Amount, Currency
from comeback_contracts.text import ShortText, Text, Url

Rating = Annotated[float, Field(strict=True, ge=0, le=5)]


class ProductUpserted(FieldwiseContract):
    """``product.upserted``: ``price`` in minor units of ``currency``, ``rating`` 0 to 5."""

    product_id: Id
    title: Text
    price: Amount
    currency: Currency
    category_ids: list[Id] | None = None
    product_type: Text | None = None
    brand: Text | None = None
    image_url: Url | None = None
    url: Url | None = None
    in_stock: bool | None = None
    rating: Rating | None = None
    tags: Annotated[list[ShortText], Field(max_length=250)] | None = None
    manual_urls: list[Url] | None = None
    lifetime_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None = None
    updated_at: PastInstant


class ProductDeleted(Contract):
    """``product.deleted``. A product upserted later than ``at`` is there again."""

    product_id: Id
    at: PastInstant
