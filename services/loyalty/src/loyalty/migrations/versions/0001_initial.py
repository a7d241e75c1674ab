"""Shops, programs, members, orders, the ledger with its lots, rewards, redemptions."""

from alembic import op

from comeback_kit.db import role_name
from comeback_kit.migrate import kit_tables, protect
from loyalty.migrations.initial import batches, jobs, ledger, people, rewards, shops

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTS = (shops, ledger, people, rewards, jobs)
APPEND_ONLY = ("entries", "audit", "tier_changes")


def upgrade() -> None:
    kit_tables(op)
    for part in PARTS:
        for table, statement in part.TABLES.items():
            op.execute(statement)
            protect(op, table)
    for name, columns in batches.TYPES.items():
        op.execute(f"create type {name} as ({columns})")
    for part in PARTS:
        for statement in part.INDEXES:
            op.execute(statement)
    roles = f"{role_name('loyalty', 'api')}, {role_name('loyalty', 'worker')}"
    for table in APPEND_ONLY:
        op.execute(f"revoke update, delete on {table} from {roles}")
