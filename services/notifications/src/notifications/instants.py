"""Instants as texts that sort. Pure."""

from datetime import UTC, datetime


def sortable(instant: datetime) -> str:
    """The instant as text that sorts as instants do (UTC, always microseconds, always four digits for the year)."""
    utc = instant.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
