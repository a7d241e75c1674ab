"""A member's level, and what a look at it decided."""

from datetime import datetime
from typing import Literal

import msgspec

from loyalty.program.tiers import Level


class Standing(msgspec.Struct, frozen=True):
    """A member's level (None: below the lowest), since when, and the instant at which it is looked at again.

    ``until`` None means that only a change of the value can move it.
    """

    level_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Review(msgspec.Struct, frozen=True):
    """What a review decided; ``entered`` are the levels, lowest first, whose entry rewards are due."""

    standing: Standing
    change: Literal["up", "down", "none"] = "none"
    entered: tuple[Level, ...] = ()
