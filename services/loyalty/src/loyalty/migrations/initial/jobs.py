"""Work in the background, and what staff did."""

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

TABLES = {"jobs": JOBS, "import_rows": IMPORT_ROWS, "audit": AUDIT}
INDEXES: tuple[str, ...] = ()
