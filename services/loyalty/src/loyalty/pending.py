"""From when earned points can be spent."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty.local_time import moment
from loyalty.program.document import Pending


def available_at(
    pending: Pending, earned_at: datetime, delivered_at: datetime | None, zone: ZoneInfo
) -> datetime | None:
    """The instant (UTC) from which points can be spent; None while it depends on a delivery that is not known.

    Days are days of the shop's zone: the same time of day, whatever the clocks did in between. Never before
    ``earned_at``.
    """
    if pending.kind == "days":
        return _days_later(earned_at, pending.days, zone)
    if pending.kind == "until" and pending.until is not None:
        return max(earned_at, moment(pending.until, zone))
    if pending.kind == "delivered":
        return None if delivered_at is None else max(earned_at, _days_later(delivered_at, pending.days, zone))
    return earned_at


def _days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    # With 0 days in the hour that clocks repeat, the local time alone would mean the first of the two.
    return max(at, (at.astimezone(zone) + timedelta(days=days)).astimezone(UTC))
