"""What staff wrote about a person can be blanked, and nothing else of the books; done for who was erased before."""

from alembic import op

from comeback_kit.db import role_name

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("members", "entries", "audit")
# In the order in which work takes them (ADR 0016): as they were needed each would wait for whoever waits for another.
LOCK = "lock table members, entries, audit in access exclusive mode"
REFUSE = """
create or replace function books_only_grow() returns trigger language plpgsql as
$$ begin raise insufficient_privilege using message = 'of a line of the books only a reason may go'; end $$"""
# The grant names the column, the trigger what may become of it: no role can put other words in the place of these.
GUARDS = {
    "entries": ("reason", "new.reason is distinct from 'erased'"),
    "audit": ("detail", """new.detail is distinct from jsonb_set(old.detail, '{reason}', '"erased"', false)"""),
}
INDEX = """
create index if not exists audit_adjusted on audit (shop_id, target) where action = 'points.adjusted'"""
# Back then nobody wrote about them after they were forgotten, unless they had come back.
ENTRIES = """
with own as (
  select e.shop_id, e.customer_id, e.seq, e.line, e.reason
  from members m join entries e on e.shop_id = m.shop_id and e.customer_id = m.customer_id
  where m.forgotten_at is not null and e.created_at <= m.forgotten_at and e.actor is not null
), others as (
  select e.shop_id, e.customer_id, e.seq, e.line
  from own join entries e on e.shop_id = own.shop_id and e.customer_id = substr(own.reason, strpos(own.reason, ':') + 1)
  where own.reason ~ '^(to|from):' and e.actor is not null
    and e.reason in ('to:' || own.customer_id, 'from:' || own.customer_id)
), gone as (select shop_id, customer_id, seq, line from own union select * from others)
update entries e set reason = 'erased' from gone
where e.shop_id = gone.shop_id and e.customer_id = gone.customer_id and e.seq = gone.seq and e.line = gone.line"""
AUDIT = """
update audit a set detail = jsonb_set(a.detail, '{reason}', '"erased"', false) from members m
where m.forgotten_at is not null and a.shop_id = m.shop_id and a.target = m.customer_id and a.at <= m.forgotten_at
  and a.action = 'points.adjusted'"""


def upgrade() -> None:
    worker = role_name("loyalty", "worker")
    op.execute(LOCK)
    op.execute(INDEX)
    op.execute(REFUSE)
    for table, (column, changed) in GUARDS.items():
        op.execute(f"grant update ({column}) on {table} to {worker}")
        op.execute(
            f"create or replace trigger {table}_only_grow before update on {table} for each row when ({changed}) "
            "execute function books_only_grow()"
        )
    for table in TABLES:  # no policy is for the owner
        op.execute(f"alter table {table} no force row level security")
    op.execute(ENTRIES)
    op.execute(AUDIT)
    for table in TABLES:
        op.execute(f"alter table {table} force row level security")
