"""The shop itself; the topic keeps the last event of each shop for ever."""

from comeback_contracts.ids import Id
from comeback_contracts.instants import PastInstant
from comeback_contracts.model import FieldwiseContract
from comeback_contracts.money import Currency
from comeback_contracts.text import Country, Locale, Text, TimeZone, Url


class ShopUpserted(FieldwiseContract):
    """``shop.upserted``: what every service needs to know of a shop."""

    shop_id: Id
    name: Text
    currency: Currency
    time_zone: TimeZone
    locale: Locale
    country: Country | None = None
    url: Url | None = None
    updated_at: PastInstant | None = None
