"""Instants: RFC 3339 in, UTC out.

The canonical text is ``2026-01-31T12:00:00Z``; a fraction has at most six digits and no trailing zeros.
Two canonical texts of one instant are equal, and they sort as their instants do once the ``Z`` is cut off.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

FUTURE_LEEWAY: Final = timedelta(minutes=10)
IN_THE_FUTURE: Final = "in_the_future"

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_CANONICAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,5}[1-9])?Z", re.ASCII)
_LAST_SECOND: Final = (23, 59, 59)


def parse_instant(text: str) -> datetime:
    """The instant of an RFC 3339 text, in UTC, cut to microseconds. Raises ``ValueError``.

    A leap second (``23:59:60``) is the first second of the next day, as clocks without leap seconds have it.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is no RFC 3339 instant with an offset, such as 2026-01-31T12:00:00Z")
    try:
        if match[3] == "60":
            start, end = match.span(3)
            return _leap(_utc(text[:start] + "59" + text[end:]))
        return _utc(text)
    except (ValueError, OverflowError):
        raise ValueError("is no instant of the calendar") from None


@lru_cache(maxsize=4096)
def format_instant(instant: datetime) -> str:
    """The canonical text of an aware instant. Raises ``ValueError`` for a naive one."""
    if instant.tzinfo is not UTC:
        if instant.tzinfo is None:
            raise ValueError("an instant needs an offset")
        instant = instant.astimezone(UTC)
    text = instant.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if instant.microsecond else text) + "Z"


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The canonical text of an RFC 3339 text. Raises ``ValueError``."""
    if _CANONICAL.fullmatch(text) is None:
        return format_instant(parse_instant(text))
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return format_instant(parse_instant(text))
    return text


def is_in_the_future(instant: datetime, now: datetime) -> bool:
    """Whether the instant is later than a skewed clock can explain: more than 10 minutes after ``now``."""
    return instant - now > FUTURE_LEEWAY


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _leap(instant: datetime) -> datetime:
    if (instant.hour, instant.minute, instant.second) != _LAST_SECOND:
        raise ValueError("a leap second is the last of a UTC day")
    return instant.replace(microsecond=0) + timedelta(seconds=1)


def _read(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("instant", "needs an offset")
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise PydanticCustomError("instant", "must be an RFC 3339 text")
    try:
        return parse_instant(value)
    except ValueError as error:
        raise PydanticCustomError("instant", "{reason}", {"reason": str(error)}) from None


def _read_past(value: Any, info: ValidationInfo) -> datetime:
    instant = _read(value)
    now = info.context.get("now") if info.context else None
    if now is not None and is_in_the_future(instant, now):
        raise PydanticCustomError(IN_THE_FUTURE, "is more than 10 minutes in the future")
    return instant


_TEXT: Final = WithJsonSchema({"type": "string", "format": "date-time"})
_WRITE: Final = PlainSerializer(format_instant, return_type=str, when_used="json")

Instant = Annotated[datetime, BeforeValidator(_read), _WRITE, _TEXT]
"""An instant, which may lie in the future (a delivery's estimate, an expiry)."""

PastInstant = Annotated[datetime, BeforeValidator(_read_past), _WRITE, _TEXT]
"""When something happened. Validated with ``context={"now": now}`` it must not be in the future."""
