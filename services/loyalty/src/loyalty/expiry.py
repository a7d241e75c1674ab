"""Until when points can be spent, and when to warn of their end."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from loyalty.local_time import add_months, end_of_day, local_date, midnight, month_end, year_end
from loyalty.program.document import Expiry


class Warning(NamedTuple):  # noqa: A001  # the domain's word
    """A warning that is due at an instant (UTC), that many days before points expire."""

    days: int
    at: datetime


def expires_at(expiry: Expiry, since: datetime, zone: ZoneInfo) -> datetime | None:
    """The 00:00 (UTC instant) after the last local day on which points can be spent; None: they never expire.

    ``since`` is the instant they were earned; with ``sliding`` the instant of the member's last activity.
    """
    return None if expiry.kind == "none" else end_after(expiry, local_date(since, zone), zone)


def end_after(expiry: Expiry, day: date, zone: ZoneInfo) -> datetime | None:
    """The same for that day in the shop's zone."""
    if expiry.kind == "none":
        return None
    return _end(expiry.kind, expiry.months, expiry.days, expiry.round_to, day, zone)


@lru_cache(maxsize=4096)
def _end(kind: str, months: int, days: int | None, round_to: str, day: date, zone: ZoneInfo) -> datetime:
    """Remembered: a batch has many orders of few days."""
    return end_of_day(_last_day(kind, months, days, round_to, day), zone)


def _last_day(kind: str, months: int, days: int | None, round_to: str, day: date) -> date:
    if kind != "calendar":
        day = add_months(day, months) if days is None else day + timedelta(days=days)
    if round_to == "month_end":
        return month_end(day)
    return year_end(day) if round_to == "year_end" else day


def first_look(expiry: Expiry, at: datetime) -> datetime:
    """An instant (UTC) before the first warning of points that expire at ``at``, at most two days."""
    return _days_before(at, max(expiry.warn_days, default=-1) + 1)


@lru_cache(maxsize=4096)
def _days_before(at: datetime, days: int) -> datetime:
    return at - timedelta(days=days)


def warnings(expiry: Expiry, at: datetime, zone: ZoneInfo) -> tuple[Warning, ...]:
    """When to warn of points that expire at ``at``: local midnights that many days before, the earliest first."""
    end = local_date(at, zone)
    return tuple(Warning(days, midnight(end - timedelta(days=days), zone)) for days in sorted(expiry.warn_days)[::-1])
