"""Orders that do not count for anybody are found without reading the others; see ``loyalty.uncounted``."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index if not exists orders_uncounted on orders (shop_id, order_id) where kept is null")
