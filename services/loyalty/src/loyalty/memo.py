"""What a transaction tells beside its points, and what a tier gives."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from loyalty.books import Book

SEPARATOR = "\x1f"  # no id may hold a control character


class Memo(msgspec.Struct, frozen=True, gc=False):
    """What a transaction tells beside its points."""

    order_id: str | None = None
    redemption_id: str | None = None
    reason: str | None = None
    actor: str | None = None
    rule_ids: tuple[str, ...] = ()
    expires_at: datetime | None = None


class Grant(NamedTuple):
    """A reward that is given for reaching a tier."""

    book: Book
    reward_id: str
    level_id: str
