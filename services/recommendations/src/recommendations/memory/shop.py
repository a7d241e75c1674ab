"""One shop in memory."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recommendations.engine import Purchase, ShopEngine


@dataclass(slots=True, eq=False)
class ShopMemory:
    """A shop's engine, and the number up to which it has followed the shop's changes.

    ``followed_at``: everything committed by then is in it.
    """

    shop_id: str
    engine: ShopEngine = field(default_factory=ShopEngine)
    seq: int = 0
    followed_at: datetime | None = None
    used_at: float = 0.0
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    def apply(self, row: Any) -> None:
        """Take one change (a row of ``feed.since``)."""
        if row["kind"] == "order":
            self.engine.put(Purchase(row["id"], row["customer_id"], row["at"], tuple(row["product_ids"])))

    def as_of(self, now: datetime) -> datetime:
        """The instant whose state an answer shows; not before any order that is in it."""
        newest = self.engine.newest_at
        followed = self.followed_at or now
        return followed if newest is None else max(followed, datetime.fromtimestamp(newest, UTC))

    @property
    def nbytes(self) -> int:
        """About how much memory the shop takes."""
        return self.engine.nbytes
