"""The little that is known of a person beside their points."""

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

TABLES = {"profiles": PROFILES, "tombstones": TOMBSTONES}
INDEXES = (PROFILES_BIRTHDAY, PROFILES_JOINED)
