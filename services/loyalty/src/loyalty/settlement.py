"""Settlement of one order for one member: which points move so that the order is worth its target.

``settled = earned − clawed − shortfall``; the difference to the target is posted. After it ``settled`` equals the
target, except that points of the order which expired unused are neither taken nor owed. With ``clamp`` the result
depends on the target alone, not on the targets before it: only spends in between matter.
"""

from typing import Literal

import msgspec

Mode = Literal["clamp", "allow", "pending_only"]


class Account(msgspec.Struct, frozen=True, gc=False):
    """What is booked for one (order, member), in points.

    ``earned`` counts every point that went into the order's lot from this order, ``clawed`` every point taken for it
    (from other lots too), ``shortfall`` what could not be taken. ``pending`` and ``active`` are what is left in the
    order's lot, ``expired`` what ran out in it unused.
    """

    earned: int = 0
    clawed: int = 0
    shortfall: int = 0
    pending: int = 0
    active: int = 0
    expired: int = 0

    @property
    def settled(self) -> int:
        """What the order is worth as booked."""
        return self.earned - self.clawed - self.shortfall

    @property
    def used(self) -> int:
        """Points of the order that were spent, are held, or were transferred, and not yet clawed back elsewhere."""
        return max(0, self.earned - self.clawed - self.expired - self.pending - self.active)


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """The points to post; all counts are ≥ 0 but ``shortfall``, which is a signed change.

    ``restored`` goes into the order's one lot (``earned``, or ``pending_added`` while the lot is pending);
    ``from_pending`` is cancelled there, ``from_active`` clawed back there, ``from_others`` clawed back from the
    member's other points in FEFO order and then below 0.
    """

    restored: int = 0
    from_pending: int = 0
    from_active: int = 0
    from_others: int = 0
    shortfall: int = 0

    @property
    def clawed(self) -> int:
        """What this settlement adds to the order's ``clawed``."""
        return self.from_pending + self.from_active + self.from_others

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to post."""
        return self == NOTHING


NOTHING = Settlement()


def settle(account: Account, target: int, mode: Mode) -> Settlement:
    """The postings that bring the order to its target (points, ≥ 0)."""
    difference = target - account.earned + account.clawed + account.shortfall
    if difference > 0:
        found = _rise(account, difference)
    elif difference < 0:
        found = _fall(account, -difference, mode)
    else:
        found = NOTHING
    return _collect(account, found, mode) if account.shortfall else found


def reclaim(account: Account, mode: Mode) -> Settlement:
    """The postings after spent or held points came back into the lot: the order's shortfall takes them.

    Otherwise a member could hold the points of an order, return the order, and cancel the hold.
    """
    return settle(account, account.settled, mode)


def _rise(account: Account, points: int) -> Settlement:
    forgiven = min(points, account.shortfall)
    return Settlement(restored=points - forgiven, shortfall=-forgiven)


def _fall(account: Account, points: int, mode: Mode) -> Settlement:
    from_pending = min(points, account.pending)
    left = points - from_pending
    from_active = 0 if mode == "pending_only" else min(left, account.active)
    left -= from_active
    owed = min(left, max(0, _owable(account, mode) - account.shortfall))
    if mode == "allow":
        return Settlement(from_pending=from_pending, from_active=from_active, from_others=owed)
    return Settlement(from_pending=from_pending, from_active=from_active, shortfall=owed)


def _owable(account: Account, mode: Mode) -> int:
    """The most that can be owed: what was used; with ``pending_only`` also what is active, which is never taken."""
    return account.used + (account.active if mode == "pending_only" else 0)


def _collect(account: Account, found: Settlement, mode: Mode) -> Settlement:
    """Take for the shortfall what is in the lot again: an order owes nothing while points of it are there."""
    owed = account.shortfall + found.shortfall
    from_pending = min(owed, account.pending - found.from_pending)
    from_active = 0 if mode == "pending_only" else min(owed - from_pending, account.active - found.from_active)
    if from_pending + from_active == 0:
        return found
    return Settlement(
        restored=found.restored,
        from_pending=found.from_pending + from_pending,
        from_active=found.from_active + from_active,
        from_others=found.from_others,
        shortfall=found.shortfall - from_pending - from_active,
    )
