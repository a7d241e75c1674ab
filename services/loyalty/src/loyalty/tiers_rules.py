"""Tier arithmetic: the level of a value, the window it is counted in, and when a level is kept or lost.

Up at once, whenever the value of the present window reaches a higher level. Down only at ``until``: at the end of the
window (``ever``: at the change itself), never before grace is over, and as far as ``downgrade`` allows. Reaching the
level again inside a calendar or rolling window moves ``until`` on; an anniversary stays where it is.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from loyalty.local_time import add, add_months, local_date, midnight, parse_duration
from loyalty.program.tiers import Level, Tiers
from loyalty.standings import Review, Standing


def first_level(tiers: Tiers) -> Level | None:
    """The level that everybody has from the start: the lowest where it asks for nothing; None where there is none."""
    return tiers.levels[0] if tiers.levels and tiers.levels[0].threshold == 0 else None


def window_of(tiers: Tiers, at: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """The instants (UTC) between which the basis counts at ``at``: start < t ≤ end for 12 months, else start ≤ t < end.

    None is open. The basis ``balance`` has no window: it is what the member has at ``at``.
    """
    return _window_of(tiers.window, at, zone)


@lru_cache(maxsize=4096)
def _window_of(window: str, at: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Remembered, as what follows: a batch looks at all of its members at one instant."""
    if window == "ever":
        return None, None
    if window == "calendar_year":
        first = local_date(at, zone).replace(month=1, day=1)
        return midnight(first, zone), midnight(first.replace(year=first.year + 1), zone)
    if window == "month":
        first = local_date(at, zone).replace(day=1)
        return midnight(first, zone), midnight(add_months(first, 1), zone)
    return _months_later(at, -12, zone), at


def counts_in(tiers: Tiers, moment: datetime, at: datetime, zone: ZoneInfo) -> bool:
    """Whether something of that moment counts in the window at ``at``."""
    start, end = window_of(tiers, at, zone)
    if start is None or end is None:
        return True
    half_open = tiers.window in ("calendar_year", "month")
    return start <= moment < end if half_open else start < moment <= end


def review(tiers: Tiers, standing: Standing, value: int, at: datetime, zone: ZoneInfo) -> Review:
    """The standing after a look at the value of the window at ``at``.

    Call it at every change of the value, and at ``standing.until`` with exactly that instant as ``at``, however late
    it is called.
    """
    present = _place(tiers, standing.level_id)
    reached = _reached(tiers, value)
    if reached > present:
        return Review(_enter(tiers, reached, at, zone), "up", tiers.levels[present + 1 : reached + 1])
    if present < 0 or standing.since is None:
        return Review(Standing())
    if reached == present:
        return Review(_kept(tiers, standing, at, zone))
    return _below(tiers, standing, reached, at, zone)


def until_for(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant (UTC) to which a level holds that was reached at ``at``, grace aside; None with ``ever``."""
    return _until_for(tiers.window, 2 if tiers.until == "end_of_next" else 1, tiers.extra_days, at, zone)


@lru_cache(maxsize=4096)
def _until_for(window: str, windows: int, extra_days: int, at: datetime, zone: ZoneInfo) -> datetime | None:
    day = local_date(at, zone)
    if window == "ever":
        return None
    if window == "calendar_year":
        end = date(day.year + windows, 1, 1)
    elif window == "month":
        end = add_months(day.replace(day=1), windows)
    else:
        return _months_later(at, 12 * windows, zone, extra_days=extra_days)
    return midnight(end + timedelta(days=extra_days), zone)


def grace_end(tiers: Tiers, since: datetime, zone: ZoneInfo) -> datetime:
    """The 00:00 (UTC instant) at which the grace of a level ends that was entered at ``since``."""
    return _grace_end(tiers.grace, tiers.grace_round_to, local_date(since, zone), zone)


@lru_cache(maxsize=4096)
def _grace_end(grace: str, round_to: str, since: date, zone: ZoneInfo) -> datetime:
    day = add(since, parse_duration(grace))
    if round_to == "month_end" and day.day > 1:
        day = add_months(day.replace(day=1), 1)
    return midnight(day, zone)


def points_to_next(tiers: Tiers, standing: Standing, value: int) -> tuple[Level, int] | None:
    """The level above the member's and what is missing to it; None at the top."""
    place = _place(tiers, standing.level_id) + 1
    if place >= len(tiers.levels):
        return None
    level = tiers.levels[place]
    return level, max(0, level.threshold - value)


def points_to_keep(tiers: Tiers, standing: Standing, value: int) -> int:
    """What is missing in the present window to reach the member's own level again; 0 without a level."""
    place = _place(tiers, standing.level_id)
    return max(0, tiers.levels[place].threshold - value) if place >= 0 else 0


def _below(tiers: Tiers, standing: Standing, reached: int, at: datetime, zone: ZoneInfo) -> Review:
    """A value that no longer reaches the level: it holds to its end, then through grace, then it falls."""
    if standing.since is None or (tiers.window != "ever" and not _is_due(standing, at)):
        return Review(standing)
    grace_ends = grace_end(tiers, standing.since, zone)
    if at < grace_ends:
        return Review(_standing(standing, until=grace_ends))
    if tiers.downgrade == "none":
        return Review(_standing(standing, until=until_for(tiers, at, zone)))
    one_down = _place(tiers, standing.level_id) - 1
    lower = max(reached, one_down) if tiers.downgrade == "one" else reached
    return Review(_enter(tiers, lower, at, zone), "down")


def _enter(tiers: Tiers, place: int, at: datetime, zone: ZoneInfo) -> Standing:
    if place < 0:
        return Standing()
    until = until_for(tiers, at, zone)
    if until is not None:
        until = max(until, grace_end(tiers, at, zone))
    return Standing(tiers.levels[place].id, at, until)


def _kept(tiers: Tiers, standing: Standing, at: datetime, zone: ZoneInfo) -> Standing:
    until = until_for(tiers, at, zone)
    if until is None:
        return _standing(standing, until=None)
    if tiers.window == "anniversary" and not _is_due(standing, at):
        return standing
    return _standing(standing, until=max(until, standing.until or until))


def _standing(standing: Standing, *, until: datetime | None) -> Standing:
    return standing if until == standing.until else Standing(standing.level_id, standing.since, until)


def _is_due(standing: Standing, at: datetime) -> bool:
    return standing.until is None or at >= standing.until


def _place(tiers: Tiers, level_id: str | None) -> int:
    """Index of a level; -1 below the lowest and for a level that the program no longer has."""
    for place, level in enumerate(tiers.levels):
        if level.id == level_id:
            return place
    return -1


def _reached(tiers: Tiers, value: int) -> int:
    place = -1
    for level in tiers.levels:
        if level.threshold <= value:
            place += 1
    return place


@lru_cache(maxsize=8192)
def _months_later(at: datetime, months: int, zone: ZoneInfo, *, extra_days: int = 0) -> datetime:
    local = at.astimezone(zone)
    day = add_months(local.date(), months) + timedelta(days=extra_days)
    return datetime.combine(day, local.time(), zone).astimezone(UTC)
