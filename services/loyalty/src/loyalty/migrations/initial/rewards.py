"""What points buy: rewards, their codes, redemptions."""

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

TABLES = {"rewards": REWARDS, "codes": CODES, "redemptions": REDEMPTIONS}
INDEXES = (CODES_FREE, REDEMPTIONS_CODE, REDEMPTIONS_MEMBER, REDEMPTIONS_ORDER)
