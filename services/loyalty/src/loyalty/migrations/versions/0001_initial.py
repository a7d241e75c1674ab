"""Shops, programs, members, orders, the ledger with its lots, rewards, redemptions."""

from alembic import op

from comeback_kit.db import role_name
from comeback_kit.migrate import kit_tables, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

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

# The member's row is the lock of everything about the member. The counts are cached; ``entries`` and ``lots`` give the
# same (python -m loyalty verify). ``due_at``: the next instant at which something of the member happens by itself.
MEMBERS = """
create table members (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  seq int not null default 0,
  balance bigint not null default 0,
  pending bigint not null default 0,
  held bigint not null default 0,
  shortfall bigint not null default 0,
  lifetime_earned bigint not null default 0,
  lifetime_spend bigint not null default 0,
  lifetime_orders int not null default 0,
  orders_fixed int not null default 0,
  tier_id text collate "C",
  tier_since timestamptz,
  tier_until timestamptz,
  active_at timestamptz,
  due_at timestamptz,
  merged_into text collate "C",
  erased_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (shop_id, customer_id)
) with (fillfactor = 70)"""
MEMBERS_DUE = "create index members_due on members (due_at) where due_at is not null"
MEMBERS_NEWEST = "create index members_newest on members (shop_id, created_at desc, customer_id desc)"
MEMBERS_MERGED = "create index members_merged on members (shop_id, merged_into) where merged_into is not null"

# Append-only double entry: every line moves points from the account ``debit`` to the account ``credit``, so the sum
# over accounts is zero by construction. The lines of one transaction share ``seq``, which counts per member.
ENTRIES = """
create table entries (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  seq int not null,
  line smallint not null,
  kind text collate "C" not null,
  debit text collate "C" not null,
  credit text collate "C" not null,
  points bigint not null check (points >= 0),
  lot_id text collate "C",
  order_id text collate "C",
  redemption_id text collate "C",
  reason text,
  actor text,
  rule_ids text,
  expires_at timestamptz,
  created_at timestamptz not null,
  primary key (shop_id, customer_id, seq, line)
)"""

# Points earned together. ``remaining`` can be spent (or is pending while not ``active``), ``held`` is in open
# redemptions; ``used`` = earned − clawed − expired − remaining. An order's lot also holds its shortfall and what tiers
# count of it (``spend``, ``orders``).
LOTS = """
create table lots (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  lot_id text collate "C" not null,
  order_id text collate "C",
  program_version int not null,
  earned bigint not null,
  clawed bigint not null default 0,
  shortfall bigint not null default 0,
  remaining bigint not null check (remaining >= 0),
  held bigint not null default 0 check (held >= 0),
  expired bigint not null default 0,
  active boolean not null,
  scored boolean not null default true,
  spend bigint not null default 0,
  orders smallint not null default 0,
  warned smallint,
  earned_at timestamptz not null,
  available_at timestamptz,
  expires_at timestamptz,
  primary key (shop_id, customer_id, lot_id)
) with (fillfactor = 85)"""

# Which tier a member had when; the newest line is the same as in ``members``.
TIER_CHANGES = """
create table tier_changes (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  at timestamptz not null,
  place bigint generated always as identity,
  tier_id text collate "C",
  primary key (shop_id, customer_id, at, place)
)"""

# Counters of limits and caps; only for programs that have some.
USAGE = """
create table usage (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  key text collate "C" not null,
  times int not null,
  points bigint not null,
  primary key (shop_id, customer_id, key)
)"""

# The little that rules ask about a person; gone with customer.erased. ``birthday`` and ``joined`` are local days
# (YYYY-MM-DD), ``stamps`` the updated_at that won per field.
PROFILES = """
create table profiles (
  shop_id text collate "C" not null,
  customer_id text collate "C" not null,
  tags text[] not null default '{}',
  birthday text,
  joined text,
  fields jsonb not null default '{}',
  primary key (shop_id, customer_id)
)"""
PROFILES_BIRTHDAY = """
create index profiles_birthday on profiles (shop_id, right(birthday, 5)) where birthday is not null"""
PROFILES_JOINED = """
create index profiles_joined on profiles (shop_id, right(joined, 5)) where joined is not null"""

# An erased person: only a hash and the instant, so that no late event brings them back.
TOMBSTONES = """
create table tombstones (
  shop_id text collate "C" not null,
  customer_hash bytea not null,
  erased_at timestamptz not null,
  primary key (shop_id, customer_hash)
)"""

REWARDS = """
create table rewards (
  shop_id text collate "C" not null,
  reward_id text collate "C" not null,
  document jsonb not null,
  stock_left bigint,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (shop_id, reward_id)
)"""

# Codes of a pool that was imported; taken in order of arrival, gone for good when used.
CODES = """
create table codes (
  shop_id text collate "C" not null,
  reward_id text collate "C" not null,
  place bigint generated always as identity,
  code text collate "C" not null,
  redemption_id text collate "C",
  primary key (shop_id, code)
)"""
CODES_FREE = "create index codes_free on codes (shop_id, reward_id, place) where redemption_id is null"

REDEMPTIONS = """
create table redemptions (
  shop_id text collate "C" not null,
  redemption_id text collate "C" not null,
  customer_id text collate "C" not null,
  reward_id text collate "C",
  order_id text collate "C",
  state text collate "C" not null,
  asked bigint not null,
  points bigint not null,
  spent bigint not null default 0,
  returned bigint not null default 0,
  value bigint,
  currency text,
  code text collate "C" not null,
  takes jsonb not null,
  source text collate "C" not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  resolved_at timestamptz,
  primary key (shop_id, redemption_id)
)"""
REDEMPTIONS_CODE = "create unique index redemptions_code on redemptions (shop_id, code)"
REDEMPTIONS_MEMBER = """
create index redemptions_member on redemptions (shop_id, customer_id, created_at desc, redemption_id desc)"""
REDEMPTIONS_ORDER = "create index redemptions_order on redemptions (shop_id, order_id) where order_id is not null"

# Work in the background that a caller polls: previews of many orders, imports.
JOBS = """
create table jobs (
  shop_id text collate "C" not null,
  job_id text collate "C" not null,
  kind text collate "C" not null,
  state text collate "C" not null,
  done bigint not null default 0,
  total bigint,
  request jsonb not null,
  progress jsonb not null default '{}',
  result jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (shop_id, job_id)
)"""
IMPORT_ROWS = """
create table import_rows (
  shop_id text collate "C" not null,
  job_id text collate "C" not null,
  place int not null,
  row jsonb not null,
  primary key (shop_id, job_id, place)
)"""

AUDIT = """
create table audit (
  shop_id text collate "C" not null,
  audit_id bigint generated always as identity,
  at timestamptz not null,
  actor text not null,
  action text collate "C" not null,
  target text collate "C" not null,
  detail jsonb not null,
  primary key (shop_id, audit_id)
)"""

# Rows as batches send them: one array of composites costs half of an array a column. Types of their own, so that a
# column more in a table does not break the processes that still run the code before it.
TYPES = {
    "order_write": """shop_id text, order_id text, revision int, state bytea, customer_id text, program_version int,
      kept text, usage text, settled bigint, amount bigint, waiting bool, placed_at timestamptz, former text[]""",
    "member_write": """shop_id text, customer_id text, seq int, balance bigint, pending bigint, held bigint,
      shortfall bigint, lifetime_earned bigint, lifetime_spend bigint, lifetime_orders int, orders_fixed int,
      tier_id text, tier_since timestamptz, tier_until timestamptz, active_at timestamptz, due_at timestamptz,
      erased_at timestamptz""",
    "lot_write": """shop_id text, customer_id text, lot_id text, order_id text, program_version int, earned bigint,
      clawed bigint, shortfall bigint, remaining bigint, held bigint, expired bigint, active bool, scored bool,
      spend bigint, orders smallint, warned smallint, earned_at timestamptz, available_at timestamptz,
      expires_at timestamptz""",
    "entry_write": """shop_id text, customer_id text, seq int, line smallint, kind text, debit text, credit text,
      points bigint, lot_id text, order_id text, redemption_id text, reason text, actor text, rule_ids text,
      expires_at timestamptz, created_at timestamptz""",
}

TABLES = {
    "shops": SHOPS,
    "programs": PROGRAMS,
    "orders": ORDERS,
    "members": MEMBERS,
    "entries": ENTRIES,
    "lots": LOTS,
    "tier_changes": TIER_CHANGES,
    "usage": USAGE,
    "profiles": PROFILES,
    "tombstones": TOMBSTONES,
    "rewards": REWARDS,
    "codes": CODES,
    "redemptions": REDEMPTIONS,
    "jobs": JOBS,
    "import_rows": IMPORT_ROWS,
    "audit": AUDIT,
}
INDEXES = (
    ORDERS_WAITING,
    ORDERS_PLACED,
    MEMBERS_DUE,
    MEMBERS_NEWEST,
    MEMBERS_MERGED,
    PROFILES_BIRTHDAY,
    PROFILES_JOINED,
    CODES_FREE,
    REDEMPTIONS_CODE,
    REDEMPTIONS_MEMBER,
    REDEMPTIONS_ORDER,
)
APPEND_ONLY = ("entries", "audit", "tier_changes")


def upgrade() -> None:
    kit_tables(op)
    for table, statement in TABLES.items():
        op.execute(statement)
        protect(op, table)
    for name, columns in TYPES.items():
        op.execute(f"create type {name} as ({columns})")
    for statement in INDEXES:
        op.execute(statement)
    roles = f"{role_name('loyalty', 'api')}, {role_name('loyalty', 'worker')}"
    for table in APPEND_ONLY:
        op.execute(f"revoke update, delete on {table} from {roles}")
