"""Shopify's ways of saying money, ids, instants and text, and ours."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from comeback_contracts.instants import canonical
from comeback_contracts.money import MAX_SAFE, exponent
from comeback_contracts.text import MAX_TEXT
from gateway.webhooks.mapped import Unmappable

Json = Mapping[str, Any]
_WHOLE: Final = Decimal(1)


def minor(value: Any, currency: str) -> int:
    """An amount (a decimal text or number; absent is 0) in minor units, rounded half to even. May be negative."""
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unmappable(f"{value!r} is no amount")
    said = str(value)[:40]
    try:
        whole = Decimal(value).scaleb(exponent(currency)).quantize(_WHOLE, rounding=ROUND_HALF_EVEN)
        beyond = abs(whole) > MAX_SAFE
    except InvalidOperation as error:
        raise Unmappable(f"{said!r} is no amount in {currency}") from error
    if beyond:
        raise Unmappable(f"{said!r} is beyond every amount")
    return int(whole)


def amount(item: Json, name: str, currency: str) -> int:
    """The amount of a field, in the shop's currency: ``<name>``, else ``<name>_set.shop_money``; never below 0."""
    value = item.get(name)
    if value is None:
        value = shop_money(item, f"{name}_set").get("amount")
    return max(0, minor(value, currency))


def shop_money(item: Json, name: str) -> Json:
    """``{amount, currency_code}`` in the shop's currency, empty where it is absent."""
    return part(part(item, name), "shop_money")


def part(item: Json, name: str) -> Json:
    """A nested object, empty where it is absent."""
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def parts(item: Json, name: str) -> list[Json]:
    """A list of objects, empty where it is absent."""
    value = item.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def identifier(value: Any) -> str | None:
    """An id as text: Shopify's numbers exceed 2^53, and are exact here."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and value and "/" not in value else None


def needed(value: Any, name: str) -> str:
    """An id that must be there. Raises ``Unmappable``."""
    found = identifier(value)
    if found is None:
        raise Unmappable(f"{name} is missing")
    return found


def text(value: Any, most: int = MAX_TEXT) -> str | None:
    """Text that every reader can hold: NUL, lone surrogates and what is too long cut off; empty is none."""
    if not isinstance(value, str):
        return None
    clean = value.replace("\x00", "").encode("utf-8", "ignore").decode().strip()
    return clean[:most] or None


def instant(value: Any) -> str | None:
    """The canonical text of an instant; None for none."""
    try:
        return canonical(value) if isinstance(value, str) else None
    except ValueError:
        return None


def first_instant(values: Iterable[Any]) -> str | None:
    """The first of the values that is an instant."""
    return next((found for found in map(instant, values) if found is not None), None)


def latest(values: Iterable[Any]) -> str | None:
    """The latest of the values that are instants."""
    found = [one for one in map(instant, values) if one is not None]
    return max(found, key=lambda one: one[:-1]) if found else None
