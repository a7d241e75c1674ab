"""The arithmetic of lots: soonest expiry first, what a spend takes, and where points go back to."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Lot(msgspec.Struct, frozen=True):
    """Points that were earned together; ``expires_at`` None means never."""

    lot_id: str
    remaining: int
    earned_at: datetime
    expires_at: datetime | None = None


class Take(msgspec.Struct, frozen=True):
    """Points taken from one lot."""

    lot_id: str
    points: int


def fefo(lots: Iterable[Lot]) -> list[Lot]:
    """Lots in the order in which they are spent: soonest expiry first, never last; then the older, then by id."""
    return sorted(lots, key=lambda lot: (lot.expires_at or _NEVER, lot.earned_at, lot.lot_id))


def allocate(lots: Iterable[Lot], points: int) -> tuple[tuple[Take, ...], int]:
    """Which lots pay for a spend, and how many points are missing."""
    takes = []
    for lot in fefo(lots):
        if points <= 0:
            break
        part = min(points, lot.remaining)
        if part > 0:
            takes.append(Take(lot.lot_id, part))
            points -= part
    return tuple(takes), points


def give_back(takes: Sequence[Take], points: int) -> tuple[Take, ...]:
    """Which takes of one spend, in the order they were made, a return of some of its points refills.

    The last take comes back first, so that what stays spent is what a smaller spend would have taken. Lots keep
    their expiry. More points than were taken give all of them back, no more.
    """
    returned = []
    for take in reversed(takes):
        if points <= 0:
            break
        part = min(points, take.points)
        returned.append(Take(take.lot_id, part))
        points -= part
    return tuple(returned)


def part_of(takes: Iterable[Take], start: int, end: int) -> tuple[Take, ...]:
    """What lots the points from the one after ``start`` to the one at ``end`` are in, as they were taken."""
    found = []
    for take in takes:
        part = min(take.points, end) - max(0, start)
        if part > 0:
            found.append(Take(take.lot_id, part))
        start, end = start - take.points, end - take.points
    return tuple(found)


def joined(takes: Iterable[Take]) -> tuple[Take, ...]:
    """One take per lot, in the order of the first ones."""
    sums: dict[str, int] = {}
    for take in takes:
        sums[take.lot_id] = sums.get(take.lot_id, 0) + take.points
    return tuple(Take(lot_id, points) for lot_id, points in sums.items() if points)
