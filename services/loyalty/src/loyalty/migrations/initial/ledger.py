"""Members, the entries and lots of their points, tiers and counters."""

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


# Which tier a member had when; the newest line is the same as in ``members``. The last line of an id that was merged
# into another dates the merge.
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

TABLES = {"members": MEMBERS, "entries": ENTRIES, "lots": LOTS, "tier_changes": TIER_CHANGES, "usage": USAGE}
INDEXES = (MEMBERS_DUE, MEMBERS_NEWEST, MEMBERS_MERGED)
