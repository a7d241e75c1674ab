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
    # `product_ids` (distinct, what is left) and `placed_at` are what the engine takes from it; `seq` is the number of
    # their last change, null as long as only refunds of the order have come.
    "orders": """
        create table orders (
          shop_id text collate "C" not null,
          order_id text collate "C" not null,
          state jsonb not null,
          customer_id text collate "C",
          product_ids text[] not null default '{}',
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
    # What a customer is not to be offered again. `reason`: rated or refunded.
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
    "create index aliases_into on aliases (shop_id, into_id)",
)


def upgrade() -> None:
    kit_tables(op)
    for table, statement in TABLES.items():
        op.execute(statement)
        protect(op, table)
    for statement in INDEXES:
        op.execute(statement)
