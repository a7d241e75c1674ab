"""Shops, their keys and secrets."""

from alembic import op

from comeback_kit.migrate import protect

revision = "0001"
down_revision = None

STATEMENTS = (
    # secrets are sealed with the master key (vault.py)
    """create table shops (
      shop_id text collate "C" primary key,
      name text not null,
      currency text not null,
      time_zone text not null,
      locale text not null,
      country text,
      url text,
      guest_secret bytea not null,
      customer_secret bytea,
      jwks jsonb,
      revision int not null default 1,
      published int not null default 0, -- the revision that the event log has
      created_at timestamptz not null,
      updated_at timestamptz not null
    )""",
    # key_id alone is the key: a caller's shop is known only after its key has been found
    "create index shops_waiting on shops (shop_id) where published < revision",
    """create table shop_keys (
      key_id text collate "C" primary key,
      shop_id text collate "C" not null references shops,
      secret_hash bytea not null,
      scopes text[] not null,
      created_at timestamptz not null,
      revoked_at timestamptz,
      last_used_at timestamptz
    )""",
    "create index shop_keys_shop on shop_keys (shop_id, created_at)",
    """create table webhook_secrets (
      shop_id text collate "C" not null references shops,
      platform text collate "C" not null,
      fingerprint bytea not null,
      secret bytea not null,
      created_at timestamptz not null,
      primary key (shop_id, platform, fingerprint)
    )""",
    # which master key the rows above were written with; no shop's data
    "create table master_key (one boolean primary key check (one), fingerprint bytea not null)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for table in ("shops", "shop_keys", "webhook_secrets"):
        protect(op, table)
    op.execute("grant select, insert on master_key to comeback_gateway_worker")
