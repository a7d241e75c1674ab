"""The kit's own tables, in every service's database."""

from typing import Final

# inbox: claims of events whose effect is not idempotent by its own key; pruned after the log's retention.
INBOX: Final = """
create table inbox (
  shop_id text collate "C" not null,
  source text collate "C" not null,
  event_id text collate "C" not null,
  seen_at timestamptz not null default now(),
  primary key (shop_id, source, event_id)
)"""
# Not a range index (brin): new rows fill the pages of pruned ones, whose ranges never forget that old rows were there.
INBOX_OLD: Final = "create index inbox_seen on inbox (seen_at)"

# outbox: events of committed transactions, in id order, deleted when the log has acknowledged them.
OUTBOX: Final = """
create table outbox (
  id bigint generated always as identity primary key,
  shard smallint not null,
  topic text collate "C" not null,
  key text collate "C" not null,
  value bytea not null,
  headers jsonb,
  created_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)"""

# outbox_refused: events that the log never takes (too large), kept for a person to look at.
OUTBOX_REFUSED: Final = """
create table outbox_refused (
  id bigint primary key,
  topic text collate "C" not null,
  key text collate "C" not null,
  value bytea not null,
  headers jsonb,
  created_at timestamptz not null,
  refused_at timestamptz not null default now(),
  reason text not null
)"""

# timers: due_at is the instant that was asked for, run_at that of the next attempt (later than due_at after failures).
TIMERS: Final = """
create table timers (
  shop_id text collate "C" not null,
  kind text collate "C" not null,
  ref text collate "C" not null,
  due_at timestamptz not null,
  run_at timestamptz not null,
  payload jsonb not null,
  attempts int not null default 0,
  primary key (shop_id, kind, ref)
)"""
TIMERS_DUE: Final = "create index timers_run on timers (kind, run_at)"

# idempotency: answers of keyed POSTs, written in the transaction of the effect; kept 24 hours.
IDEMPOTENCY: Final = """
create table idempotency (
  shop_id text collate "C" not null,
  caller text collate "C" not null,
  target text collate "C" not null,
  key text collate "C" not null,
  body_hash bytea not null,
  status smallint not null,
  content_type text not null,
  body bytea not null,
  created_at timestamptz not null,
  primary key (shop_id, caller, target, key)
)"""
IDEMPOTENCY_OLD: Final = "create index idempotency_created on idempotency (created_at)"

STATEMENTS: Final = (INBOX, INBOX_OLD, OUTBOX, OUTBOX_REFUSED, TIMERS, TIMERS_DUE, IDEMPOTENCY, IDEMPOTENCY_OLD)
SHOP_TABLES: Final = ("inbox", "timers", "idempotency")  # have shop_id: row-level security
SHARED_TABLES: Final = ("outbox", "outbox_refused")  # written by both roles, read by the worker
