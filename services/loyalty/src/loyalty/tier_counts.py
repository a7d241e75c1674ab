"""What a lot counts for tiers, and when: as PostgreSQL reads it, and of a lot in memory. A test holds them together."""

from datetime import datetime
from typing import Final

from loyalty.books import LotRow

VALUE: Final = """case %s when 'spend' then l.spend when 'orders' then l.orders
  else case when l.active and l.scored then l.earned - l.clawed - l.shortfall else 0 end end"""
"""What a lot ``l`` counts for a basis."""
COUNTS_AT: Final = "case when %s = 'points' then greatest(l.earned_at, l.available_at) else l.earned_at end"
"""The instant by which a lot ``l`` falls into a window or not."""
SCORE: Final = f"sum({VALUE})::bigint"
"""What lots ``l`` count together."""


def value_of(basis: str, lot: LotRow) -> int:
    """``VALUE`` of a lot in memory."""
    if basis == "spend":
        return lot.spend
    if basis == "orders":
        return lot.orders
    return lot.settled if lot.active and lot.scored else 0


def moment_of(basis: str, lot: LotRow) -> datetime:
    """``COUNTS_AT`` of a lot in memory.

    Points count when they become spendable: counted by the day they were earned, those that are pending at the end of
    a year would never count, in the old year not yet and in the new one no more.
    """
    begins = lot.available_at
    return begins if basis == "points" and begins is not None and begins > lot.earned_at else lot.earned_at
