"""Orders, catalog and placements, and the sequence that replicas follow."""

from alembic import op

from comeback_kit.migrate import kit_tables, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = {
    # One row a shop. A transaction that changes anything which replicas follow locks it first, numbers its changes
    # from it and writes it back: so numbers become visible in their order, and one shop's writers never interleave.
    "changes": """
        create table changes (
          shop_id text collate "C" primary key,
          last_seq bigint not null default 0
        )""",
    # `state` is the merged order of CONTRACT §2. `customer_id` (merged customers followed, erased ones gone),
    # `product_ids` (distinct, what is left), `amounts` (money left of each) and `placed_at` are what others take from
    # it; `seq` is the number of their last change, null as long as only refunds of the order have come.
    "orders": """
        create table orders (
          shop_id text collate "C" not null,
          order_id text collate "C" not null,
          state jsonb not null,
          customer_id text collate "C",
          product_ids text[] not null default '{}',
          amounts bigint[] not null default '{}',
          placed_at timestamptz,
          seq bigint,
          primary key (shop_id, order_id)
        )""",
    # `fields` holds [value, instant] by field name; a product is there while some field was stated after `deleted_at`.
    "products": """
        create table products (
          shop_id text collate "C" not null,
          product_id text collate "C" not null,
          fields jsonb not null default '{}',
          deleted_at text,
          seq bigint not null,
          primary key (shop_id, product_id)
        )""",
    "placements": """
        create table placements (
          shop_id text collate "C" not null,
          placement_id text collate "C" not null,
          document jsonb not null,
          updated_at timestamptz not null,
          seq bigint not null,
          primary key (shop_id, placement_id)
        )""",
    # How far a worker has followed a shop's changes.
    "followed": """
        create table followed (
          shop_id text collate "C" not null,
          name text collate "C" not null,
          seq bigint not null default 0,
          primary key (shop_id, name)
        )""",
    # The cycle of which a customer was told: the last purchase that it counts from.
    "reminders": """
        create table reminders (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          product_id text collate "C" not null,
          last_at timestamptz not null,
          told_at timestamptz not null,
          primary key (shop_id, customer_id, product_id)
        )""",
    # Every answer that was given, for 60 days; `interactions` is what the storefront says became of its items.
    "answers": """
        create table answers (
          shop_id text collate "C" not null,
          rec_id text collate "C" not null,
          kind text collate "C" not null,
          placement_id text collate "C",
          experiment_id text collate "C",
          variant text collate "C",
          customer_id text collate "C",
          product_ids text[] not null,
          sources text[] not null,
          at timestamptz not null,
          primary key (shop_id, rec_id)
        )""",
    "interactions": """
        create table interactions (
          shop_id text collate "C" not null,
          rec_id text collate "C" not null,
          product_id text collate "C" not null,
          kind text collate "C" not null,
          at timestamptz not null,
          primary key (shop_id, rec_id, product_id, kind)
        )""",
    # A product that was bought after it was offered, and the answer that it is put down to. `amount_left` is what
    # refunds left of `amount`.
    "attributions": """
        create table attributions (
          shop_id text collate "C" not null,
          order_id text collate "C" not null,
          product_id text collate "C" not null,
          rec_id text collate "C" not null,
          placement_id text collate "C",
          experiment_id text collate "C",
          variant text collate "C",
          via text collate "C" not null,
          source text collate "C",
          amount bigint not null,
          amount_left bigint not null,
          currency text not null,
          answered_at timestamptz not null,
          bought_at timestamptz not null,
          primary key (shop_id, order_id, product_id)
        )""",
    "backtests": """
        create table backtests (
          shop_id text collate "C" not null,
          backtest_id text collate "C" not null,
          state text collate "C" not null,
          days int not null,
          progress double precision not null default 0,
          result jsonb,
          reason text,
          claimed_until timestamptz,
          created_at timestamptz not null,
          finished_at timestamptz,
          primary key (shop_id, backtest_id)
        )""",
    # What a customer is not to be offered again. `reason`: rated, refunded or returned.
    "dislikes": """
        create table dislikes (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          product_id text collate "C" not null,
          reason text collate "C" not null,
          at timestamptz not null,
          primary key (shop_id, customer_id, product_id, reason)
        )""",
    "aliases": """
        create table aliases (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          into_id text collate "C" not null,
          primary key (shop_id, customer_id)
        )""",
    "erasures": """
        create table erasures (
          shop_id text collate "C" not null,
          customer_hash bytea not null,
          at timestamptz not null,
          primary key (shop_id, customer_hash)
        )""",
}

INDEXES = (
    "create index orders_seq on orders (shop_id, seq) where seq is not null",
    "create index orders_customer on orders (shop_id, customer_id) where customer_id is not null",
    "create index products_seq on products (shop_id, seq)",
    "create index placements_seq on placements (shop_id, seq)",
    "create index answers_customer on answers (shop_id, customer_id, at) where customer_id is not null",
    "create index answers_at on answers (at)",
    "create index answers_placement on answers (shop_id, at)",
    "create index attributions_bought on attributions (shop_id, answered_at)",
    "create index backtests_open on backtests (created_at) where state in ('queued', 'running')",
    "create index aliases_into on aliases (shop_id, into_id)",
)


def upgrade() -> None:
    kit_tables(op)
    for table, statement in TABLES.items():
        op.execute(statement)
        protect(op, table)
    for statement in INDEXES:
        op.execute(statement)
