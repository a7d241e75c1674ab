"""The table log's schema. It makes itself: several processes may start on an empty database at once.

``next_offset`` is raised in the short transaction that appends, so offset order is commit order: a reader that has seen
offset n has seen everything below it, which a sequence or a timestamp would not give.
"""

from collections.abc import Sequence
from typing import Any, Final

from comeback_kit.log.port import TopicSpec

CHANNEL: Final = "comeback_log"  # payload: the ids of partitions that got records
GROUPS_CHANNEL: Final = "comeback_log_groups"  # payload: the id of a group whose members changed

_LOCK: Final = 7_261_503_002
_SCHEMA: Final = (
    """
create table if not exists log_topics (
  topic text collate "C" primary key,
  retention_seconds bigint,
  compacted boolean not null
)""",
    """
create table if not exists log_partitions (
  id int generated always as identity primary key,
  topic text collate "C" not null references log_topics,
  number int not null,
  next_offset bigint not null default 0,
  unique (topic, number)
) with (fillfactor = 50)""",
    """
create table if not exists log_records (
  partition_id int not null,
  record_offset bigint not null,
  key bytea not null,
  value bytea not null,
  headers bytea,
  appended_at timestamptz not null default now(),
  primary key (partition_id, record_offset)
) with (autovacuum_vacuum_scale_factor = 0.05)""",
    """
create table if not exists log_groups (
  id int generated always as identity primary key,
  name text collate "C" not null unique
)""",
    """
create table if not exists log_positions (
  group_id int not null references log_groups,
  partition_id int not null references log_partitions,
  next_offset bigint not null,
  primary key (group_id, partition_id)
) with (fillfactor = 50)""",
    # One call, one transaction: partitions are locked in the order of ids, which the caller sorts; entry e goes to
    # partition ids[slots[e]] at seqs[e] after that partition's base.
    f"""
create or replace function log_append(
  ids int[], counts int[], slots int[], seqs int[], keys bytea[], vals bytea[], heads bytea[], note text
) returns void language plpgsql as $$
declare
  bases bigint[] := '{{}}';
  base bigint;
begin
  for i in 1 .. cardinality(ids) loop
    update log_partitions set next_offset = next_offset + counts[i] where id = ids[i]
    returning next_offset - counts[i] into strict base;
    bases := bases || base;
  end loop;
  insert into log_records (partition_id, record_offset, key, value, headers)
  select ids[e.slot], bases[e.slot] + e.seq, e.key, e.value, e.head
  from unnest(slots, seqs, keys, vals, heads) as e(slot, seq, key, value, head);
  perform pg_notify('{CHANNEL}', note);
end $$""",
)
# Logins of several services share the tables: where the login may, everything belongs to the database's owner.
_AS_OWNER: Final = """
select set_config('role', o.rolname, false)
from pg_database d join pg_roles o on o.oid = d.datdba
where d.datname = current_database() and o.rolname <> current_user and pg_has_role(o.oid, 'member')"""

_TOPICS: Final = """
insert into log_topics (topic, retention_seconds, compacted)
select * from unnest($1::text[], $2::bigint[], $3::boolean[])
on conflict (topic) do update set retention_seconds = excluded.retention_seconds, compacted = excluded.compacted
where (log_topics.retention_seconds, log_topics.compacted) is distinct from
      (excluded.retention_seconds, excluded.compacted)"""
_PARTITIONS: Final = """
insert into log_partitions (topic, number)
select t.topic, n
from unnest($1::text[], $2::int[]) as t(topic, partitions), generate_series(0, t.partitions - 1) as n
where not exists (select from log_partitions p where p.topic = t.topic and p.number = n)
order by t.topic, n"""


async def become_owner(connection: Any) -> None:
    """Act as the owner of the database where the login is a member of that role."""
    await connection.execute(_AS_OWNER)


async def create_schema(connection: Any) -> None:
    """Make what is missing."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute("set local client_min_messages = warning")
        for statement in _SCHEMA:
            await connection.execute(statement)


async def create_topics(connection: Any, specs: Sequence[TopicSpec]) -> None:
    """Make topics, and more partitions where a topic has fewer than asked for; never fewer."""
    specs = sorted(specs, key=lambda spec: spec.name)
    names = [spec.name for spec in specs]
    seconds = [None if spec.retention is None else int(spec.retention.total_seconds()) for spec in specs]
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_TOPICS, names, seconds, [spec.compacted for spec in specs])
        await connection.execute(_PARTITIONS, names, [spec.partitions for spec in specs])
