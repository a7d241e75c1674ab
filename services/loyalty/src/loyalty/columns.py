"""The columns of members and lots, in the order in which statements name them and rows are taken."""

from typing import Final

LOT_COLUMNS: Final = (
    "lot_id",
    "order_id",
    "program_version",
    "earned",
    "clawed",
    "shortfall",
    "remaining",
    "held",
    "expired",
    "active",
    "scored",
    "spend",
    "orders",
    "warned",
    "earned_at",
    "available_at",
    "expires_at",
)
"""A lot's row without its member, in the order in which a ``LotRow`` takes it."""

MEMBER_COLUMNS: Final = (
    "shop_id",
    "customer_id",
    "seq",
    "balance",
    "pending",
    "held",
    "shortfall",
    "lifetime_earned",
    "lifetime_spend",
    "lifetime_orders",
    "orders_fixed",
    "tier_id",
    "tier_since",
    "tier_until",
    "active_at",
    "due_at",
    "erased_at",
    "created_at",
    "forgotten_at",
    "merged_into",
)
"""A member's row, in the order in which a ``Book`` takes it."""

WRITTEN_COLUMNS: Final = MEMBER_COLUMNS[:-3]
"""Those that whoever changes a member writes, key and all; the others have their own occasions."""

CURRENT: Final = "case when asked.merged_into is null then asked.customer_id else asked.merged_into end"
"""Whom an id (of ``members asked``) stands for. Not ``coalesce``: row-level security takes it for an expression that
may leak, so PostgreSQL would read all members of the shop instead of looking one up in the index."""
