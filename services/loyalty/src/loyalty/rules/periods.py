"""Names of the periods in which limits and caps count, in the shop's zone."""

from datetime import date
from functools import lru_cache
from typing import Final

_EVER: Final = "ever"


def period_key(period: str, day: date) -> str:
    """The period that a local day lies in; equal keys are the same period."""
    if period == "day":
        return day.isoformat()
    if period == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    if period == "month":
        return f"{day.year:04d}-{day.month:02d}"
    if period == "year":
        return f"{day.year:04d}"
    return _EVER


@lru_cache(maxsize=4096)
def rule_key(rule_id: str, period: str, day: date) -> str:
    """The counter of a rule's limit."""
    return f"rule:{rule_id}:{period_key(period, day)}"


@lru_cache(maxsize=4096)
def cap_key(period: str, day: date) -> str:
    """The counter of a cap: all points earned in that period."""
    return f"cap:{period_key(period, day)}"
