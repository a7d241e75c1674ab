"""Money: strict integers, real currencies."""

from decimal import Decimal

import pytest
from babel import Locale
from pydantic import TypeAdapter, ValidationError

from comeback_contracts.currencies import EXPONENTS
from comeback_contracts.money import Amount, Currency, Money, decimal_amount, exponent, format_money, is_currency

MONEY: TypeAdapter[int] = TypeAdapter(Money)


@pytest.mark.parametrize("good", [0, -1, 2**53 - 1, -(2**53) + 1])
def test_money(good: int) -> None:
    assert MONEY.validate_python(good) == good


@pytest.mark.parametrize("bad", [1.0, 1.5, True, "1", None, 2**53, -(2**53), Decimal(1)])
def test_money_is_an_integer_that_every_reader_keeps(bad: object) -> None:
    with pytest.raises(ValidationError):
        MONEY.validate_python(bad)


@pytest.mark.parametrize("bad", ["1.0", "1e2", "true", '"1"', "9007199254740992", "1" + "0" * 400])
def test_money_in_json_is_an_integer_too(bad: str) -> None:
    with pytest.raises(ValidationError):
        MONEY.validate_json(bad)


def test_an_amount_is_not_negative() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python(-1)


@pytest.mark.parametrize(
    ("code", "decimals"),
    [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("HUF", 2), ("TND", 3), ("HRK", 2)],
)
def test_decimals_of_a_currency(code: str, decimals: int) -> None:
    assert exponent(code) == decimals


@pytest.mark.parametrize("code", ["EUX", "eur", "", "EURO", "XXX", "BTC"])
def test_what_is_no_currency(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(ValueError, match="ISO 4217"):
        exponent(code)
    with pytest.raises(ValidationError):
        TypeAdapter(Currency).validate_python(code)


def test_every_code_is_one_that_the_world_knows() -> None:
    known = set(Locale.parse("en").currencies)
    # Newer than CLDR's English names may be.
    assert set(EXPONENTS) - known <= {"XAD", "XCG", "ZWG"}
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)


def test_amounts_as_people_write_them() -> None:
    assert format_money(123456, "EUR", "de-DE") == "1.234,56\xa0€"
    assert format_money(123456, "USD", "en") == "$1,234.56"
    assert format_money(-5, "USD", "en_US") == "-$0.05"
    assert format_money(123456, "JPY", "en") == "¥123,456"
    assert format_money(123456, "KWD", "en") == "KWD\xa0123.456"


def test_a_minor_unit_is_never_dropped_from_sight() -> None:
    # CLDR would write Iraqi dinars without decimals.
    assert "1.234" in format_money(1234, "IQD", "en")


@pytest.mark.parametrize("locale", ["xx", "", "not a locale", "../../etc", "en-ZZ"])
def test_an_unknown_locale_reads_as_english(locale: str) -> None:
    assert format_money(123456, "USD", locale).endswith("1,234.56")


def test_an_unknown_region_reads_as_its_language() -> None:
    assert format_money(123456, "EUR", "de-XY") == format_money(123456, "EUR", "de")


def test_decimal_amounts() -> None:
    assert decimal_amount(1234, "EUR") == Decimal("12.34")
    assert decimal_amount(1234, "JPY") == Decimal(1234)
    assert decimal_amount(1234, "KWD") == Decimal("1.234")
