"""Gifts of tiers that were given before they had a timer end like the others: in stock again, and in no limit."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("redemptions", "timers"):  # no policy is for the owner
        op.execute(f"alter table {table} no force row level security")
    op.execute(
        """insert into timers (shop_id, kind, ref, due_at, run_at, payload)
      select shop_id, 'redemption_expires', redemption_id, expires_at, expires_at, '{}' from redemptions
      where source = 'tier' and state = 'held' and expires_at is not null
      on conflict (shop_id, kind, ref) do nothing"""
    )
    for table in ("redemptions", "timers"):
        op.execute(f"alter table {table} force row level security")
