"""What a shop is, the versions of its program, and its orders."""

# What a shop is: from shop.upserted. ``revision`` rises with every change of the shop or of its programs, so that a
# process knows when its compiled programs are stale.
SHOPS = """
create table shops (
  shop_id text collate "C" primary key,
  name text not null,
  currency text not null,
  time_zone text not null,
  locale text not null,
  country text not null,
  url text,
  revision bigint not null default 1,
  updated_at timestamptz not null
)"""


# A program never changes: a PUT adds a version (or replaces the first while nothing was settled under it).
PROGRAMS = """
create table programs (
  shop_id text collate "C" not null,
  version int not null,
  document jsonb not null,
  valid_from timestamptz,
  created_at timestamptz not null,
  actor text not null,
  primary key (shop_id, version)
)"""


# One row an order: its merged state and what the ledger holds for it. ``customer_id`` is the member that it is settled
# to (null: nobody yet), ``kept`` what was fixed about that member, ``former`` members it was settled to before.
ORDERS = """
create table orders (
  shop_id text collate "C" not null,
  order_id text collate "C" not null,
  revision int not null,
  state bytea not null,
  customer_id text collate "C",
  program_version int,
  kept text,
  usage text,
  settled bigint not null default 0,
  amount bigint not null default 0,
  waiting boolean not null default false,
  placed_at timestamptz,
  former text[] not null default '{}',
  primary key (shop_id, order_id)
) with (fillfactor = 80, toast_tuple_target = 8160)"""
ORDERS_WAITING = "create index orders_waiting on orders (shop_id) where waiting"
# Nearly free on insert; finds the newest orders for a preview by going back in time.
ORDERS_PLACED = "create index orders_placed on orders using brin (placed_at)"

TABLES = {"shops": SHOPS, "programs": PROGRAMS, "orders": ORDERS}
INDEXES = (ORDERS_WAITING, ORDERS_PLACED)
