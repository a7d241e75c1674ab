"""Money: integer minor units and an ISO 4217 code. No floats anywhere near."""

import re
from copy import copy
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from comeback_contracts.currencies import EXPONENTS

MAX_SAFE: Final = 2**53 - 1
# CLDR asks for a space where a currency is a code (KWD 1.000) and none where it is a sign ($1.00); babel leaves it out.
_LETTER_BESIDE_DIGIT: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

Integer = Annotated[int, Field(strict=True, ge=-MAX_SAFE, le=MAX_SAFE)]
"""An integer that every JSON reader keeps exactly."""

Count = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE)]
"""A number of things: 0 or more."""

Money = Annotated[int, Field(strict=True, ge=-MAX_SAFE, le=MAX_SAFE)]
"""An amount in minor units: 1234 is 12.34 EUR, or 1234 JPY, or 1.234 KWD."""

Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE)]
"""Money that is never negative: a price, a total, a discount (said as what it takes off)."""


def exponent(currency: str) -> int:
    """The decimals of a currency's minor unit: EUR 2, JPY 0, KWD 3. Raises ``ValueError`` for an unknown code."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is no ISO 4217 code") from None


def is_currency(code: str) -> bool:
    """Whether the text is a known ISO 4217 code (upper case)."""
    return code in EXPONENTS


def _currency(value: str) -> str:
    if value not in EXPONENTS:
        raise ValueError("is no ISO 4217 currency code, such as EUR")
    return value


Currency = Annotated[
    str, Field(strict=True), AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})
]
"""An ISO 4217 code."""


def decimal_amount(minor: int, currency: str) -> Decimal:
    """Minor units as a decimal number of the currency: ``(1234, "EUR")`` → ``12.34``."""
    return Decimal(minor).scaleb(-exponent(currency))


def format_money(minor: int, currency: str, locale: str) -> str:
    """An amount as people of a locale write it: ``(1234, "EUR", "de")`` → ``12,34 €``.

    An unknown locale reads as English. Needs babel (``comeback-contracts[text]``).
    Raises ``ValueError`` for an unknown currency.
    """
    known = _locale(locale)
    # Decimals are those of the minor unit: babel's own follow usage (IQD 0), which would drop money from sight.
    pattern = copy(known.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency),) * 2
    text = pattern.apply(decimal_amount(minor, currency), known, currency=currency, currency_digits=False)
    return _LETTER_BESIDE_DIGIT.sub("\N{NO-BREAK SPACE}", text)


def _locale(tag: str) -> Any:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415  # only services that write to people have babel

    tag = tag.replace("-", "_")
    for candidate in (tag, tag.split("_", 1)[0]):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en")
