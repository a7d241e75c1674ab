"""Field types of the program document: decimals, dates and durations written as text."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema

from loyalty.local_time import parse_duration

MAX_POINTS: Final = 1_000_000_000
MAX_INTEGER: Final = 2**53 - 1
_DECIMAL: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY_NUMBERS: Final = {
    name[:length]: number for number, name in enumerate(_WEEKDAYS, 1) for length in (3, len(name))
}


def _check_decimal(value: str) -> str:
    if not _DECIMAL.fullmatch(value):
        raise ValueError('write a decimal number with at most nine digits after the point, for example "1.5"')
    if Decimal(value) <= 0:
        raise ValueError("must be above 0")
    return value


def _check_text(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f'write the decimal number as text: "{value}"')  # noqa: TRY004  # pydantic tells only these
    return value


def _check_factor(value: str) -> str:
    if Decimal(value) > 1000:
        raise ValueError("must be at most 1000")
    return value


def _check_share(value: str) -> str:
    if Decimal(value) > 1:
        raise ValueError('must be at most "1.0", which is the whole order')
    return value


def _check_moment(value: str) -> str:
    try:
        zoned = len(value) == 10 or datetime.fromisoformat(value).tzinfo is not None
        if len(value) == 10:
            date.fromisoformat(value)
    except ValueError:
        raise ValueError('write a day ("2026-11-27") or an instant ("2026-11-27T18:00:00Z")') from None
    if not zoned:
        raise ValueError('needs an offset, for example "2026-11-27T18:00:00Z"; a day alone is a day of the shop')
    return value


def _check_duration(value: str) -> str:
    parse_duration(value)
    return value


def _check_hours(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 23:
        return value
    if isinstance(value, str) and _HOURS.fullmatch(value) and value[:5] < value[6:]:
        return value
    raise ValueError('write an hour from 0 to 23, or a span inside one day such as "17:00-19:30"')


def weekday_number(value: int | str) -> int:
    """A weekday of a document as ISO number, Monday 1 to Sunday 7 (0 is Sunday too)."""
    return value or 7 if isinstance(value, int) else _WEEKDAY_NUMBERS[value.lower()]


def _check_weekday(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return value
    if isinstance(value, str) and value.lower() in _WEEKDAY_NUMBERS:
        return value
    raise ValueError("write 1 (Monday) to 7 (Sunday), or a name such as mon")


def _check_scalar(value: Any) -> str | bool | int | float | None:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError("must be text, a number, true, false or null")


_INTEGER_OR_TEXT: Final = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
_SCALAR: Final = {"type": ["string", "number", "boolean", "null"]}

Rate = Annotated[str, BeforeValidator(_check_text), AfterValidator(_check_decimal)]
Factor = Annotated[Rate, AfterValidator(_check_factor)]
Share = Annotated[Rate, AfterValidator(_check_share)]
Moment = Annotated[str, AfterValidator(_check_moment)]
DurationText = Annotated[str, AfterValidator(_check_duration)]
Hours = Annotated[int | str, PlainValidator(_check_hours), WithJsonSchema(_INTEGER_OR_TEXT)]
Weekday = Annotated[int | str, PlainValidator(_check_weekday), WithJsonSchema(_INTEGER_OR_TEXT)]
Scalar = Annotated[str | bool | int | float | None, PlainValidator(_check_scalar), WithJsonSchema(_SCALAR)]
Flag = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Points = Annotated[int, Strict(), Field(ge=0, le=MAX_POINTS)]
Minor = Annotated[int, Strict(), Field(ge=0, le=MAX_INTEGER)]
Positive = Annotated[int, Strict(), Field(ge=1, le=MAX_INTEGER)]
Days = Annotated[int, Strict(), Field(ge=0, le=36_600)]
Label = Annotated[str, Field(min_length=1, max_length=128)]
