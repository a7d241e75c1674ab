"""Jobs that ended are found by when they did."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index if not exists jobs_ended on jobs (updated_at) where state <> 'running'")
