from alembic import op

from comeback_kit.migrate import kit_tables, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    kit_tables(op)
    op.execute(
        """create table notes (shop_id text collate "C" not null, note_id text collate "C" not null, text text not null,
           at timestamptz not null, primary key (shop_id, note_id))"""
    )
    protect(op, "notes")
