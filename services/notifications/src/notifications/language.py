"""The language of a mail: its texts, and how it writes money, numbers and dates. Pure; the texts lie in ``texts/``."""

import importlib.resources
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from comeback_contracts.money import format_money

Text: TypeAlias = str | Mapping[str, str]

LANGUAGES: Final = ("en", "de", "es", "fr")
FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """Texts of one language and the formats of one region."""

    locale: Locale
    texts: Mapping[str, Text]

    @property
    def tag(self) -> str:
        """The BCP 47 tag, for ``lang`` and ``Content-Language``."""
        return str(self.locale).replace("_", "-")

    def say(self, key: str, count: int | None = None, **values: str) -> str:
        """A text with its places filled in; ``count`` chooses among plural forms. Raises ``KeyError`` for no text."""
        text = self.texts[key]
        if not isinstance(text, str):
            form = self.locale.plural_form(0 if count is None else abs(count))
            text = text.get(form, text["other"])
        return text.format_map(values)

    def money(self, minor: int, currency: str) -> str:
        """An amount of minor units in the customer's way of writing it."""
        return _money(minor, currency, str(self.locale))

    def number(self, value: int) -> str:
        """A whole number with its separators."""
        # Below a thousand there is nothing to separate, and most numbers in a mail are quantities.
        return str(value) if 0 <= value < 1000 else str(format_decimal(value, locale=self.locale))

    def date(self, instant: datetime, time_zone: str) -> str:
        """The day of an instant in a time zone (UTC where the zone is not known)."""
        return _date(instant.astimezone(_zone(time_zone)).date(), str(self.locale))


def language_for(wanted: Iterable[str | None]) -> Language:
    """The first wanted locale that there are texts for, else English."""
    for tag in wanted:
        if tag:
            language = _language(tag)
            if language is not None:
                return language
    fallback = _language(FALLBACK)
    assert fallback is not None  # noqa: S101  # the package ships it
    return fallback


@lru_cache(maxsize=256)
def _language(tag: str) -> Language | None:
    code = tag.replace("-", "_").split("_", 1)[0].lower()
    if code not in LANGUAGES:
        return None
    return Language(_locale(tag, code), _texts(code))


def _locale(tag: str, code: str) -> Locale:
    for candidate in (tag, code):
        try:
            return Locale.parse(candidate.replace("-", "_").split(".", 1)[0])
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale.parse(code)


@lru_cache(maxsize=len(LANGUAGES))
def _texts(code: str) -> Mapping[str, Text]:
    file = importlib.resources.files("notifications") / "texts" / f"{code}.json"
    texts: dict[str, Text] = json.loads(file.read_text(encoding="utf-8"))
    return texts


@lru_cache(maxsize=4096)
def _money(minor: int, currency: str, locale: str) -> str:
    # Formatting costs tens of microseconds, and the same amounts (free shipping, a usual price) come again and again.
    return format_money(minor, currency, locale)


@lru_cache(maxsize=1024)
def _date(day: date, locale: str) -> str:
    return str(format_date(day, format="long", locale=locale))


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
