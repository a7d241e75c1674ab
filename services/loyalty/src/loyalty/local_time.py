"""Days, months and durations in a shop's time zone, safe across daylight-saving changes."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_DURATION: Final = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?")
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Duration(NamedTuple):
    """A calendar duration: its length in hours depends on where it starts."""

    months: int = 0
    days: int = 0


@lru_cache(maxsize=256)
def parse_duration(text: str) -> Duration:
    """Read an ISO 8601 duration of years, months, weeks and days, such as ``P1M`` or ``P30D``."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("write an ISO 8601 duration of whole days, weeks, months or years, for example P30D or P1M")
    years, months, weeks, days = (int(part or 0) for part in found.groups())
    return Duration(months=12 * years + months, days=7 * weeks + days)


@lru_cache(maxsize=64)  # few: every order has an instant of its own, and what is not in the processor's cache is slow
def local_date(at: datetime, zone: ZoneInfo) -> date:
    """The calendar day that it is in the zone at that instant."""
    return at.astimezone(zone).date()


@lru_cache(maxsize=8192)
def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the day begins in the zone; where clocks skip 00:00, the instant they skip at."""
    return to_utc(datetime.combine(day, time(), zone))


def to_utc(at: datetime) -> datetime:
    """The same instant in UTC; beyond the calendar's ends (a program's "9999-12-31") the end itself."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return _LAST if at.year > 5000 else _FIRST


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the day is over: the next day's 00:00."""
    return _LAST if day == date.max else midnight(day + timedelta(days=1), zone)


def add_months(day: date, months: int) -> date:
    """The same day some months later, or the last of that month where it has no such day (31 Jan + 1 = 28 Feb)."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add(day: date, duration: Duration) -> date:
    """The day plus a duration: months first, then days."""
    return add_months(day, duration.months) + timedelta(days=duration.days)


def month_end(day: date) -> date:
    """The last day of the day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def year_end(day: date) -> date:
    """31 December of the day's year."""
    return day.replace(month=12, day=31)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC) that a document means: an RFC 3339 instant, or a date, which begins at 00:00 in the zone."""
    if len(text) == 10:
        return midnight(date.fromisoformat(text), zone)
    return to_utc(datetime.fromisoformat(text))


def moment_end(text: str, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which an inclusive end is over: the instant itself, or the 00:00 that follows a date."""
    if len(text) == 10:
        return end_of_day(date.fromisoformat(text), zone)
    return to_utc(datetime.fromisoformat(text))
