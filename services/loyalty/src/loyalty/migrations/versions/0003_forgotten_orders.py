"""When a person was last erased stays known, also when they come back: what they ordered before stays forgotten."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table members add column forgotten_at timestamptz")
    op.execute("alter table members no force row level security")  # no policy is for the owner
    op.execute("update members set forgotten_at = erased_at where erased_at is not null")
    op.execute("alter table members force row level security")
