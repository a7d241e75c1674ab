"""The row in which a batch sends an order's first points together with their lot."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create type earned_write as (shop_id text, customer_id text, order_id text, seq int, points bigint,
      program_version int, active bool, spend bigint, orders smallint, earned_at timestamptz,
      available_at timestamptz, expires_at timestamptz, rule_ids text)"""
    )
