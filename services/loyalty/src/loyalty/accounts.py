"""The accounts of the ledger and the kinds of its transactions.

Every line of a transaction moves points from one account to another. ``issued``, ``spent``, ``expired`` and
``transit`` are the shop's side: they are never stored as a balance, only summed, so no row of theirs is hot. The others
are the member's.
"""

from typing import Final, Literal

# available + overdrawn is the balance. ``overdrawn`` is 0 or below (``negative: allow``), ``owed`` minus the shortfall.
Account = Literal["issued", "spent", "expired", "transit", "available", "pending", "held", "overdrawn", "owed"]
Kind = Literal[
    "earned",
    "pending_added",
    "pending_activated",
    "pending_cancelled",
    "clawed_back",
    "held",
    "released",
    "spent",
    "returned",
    "expired",
    "adjusted",
    "transferred_in",
    "transferred_out",
]

STILL: Final = frozenset({"pending_added", "pending_cancelled", "spent"})
"""Kinds that do not move the balance."""
