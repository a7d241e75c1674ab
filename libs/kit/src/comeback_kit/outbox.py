"""Events of committed transactions, on their way to the log."""

import zlib
from collections.abc import Sequence

from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from comeback_kit.relay import SHARDS, Relay
from comeback_kit.runtime import Runtime

__all__ = ["SHARDS", "Relay", "add", "pending"]

_ADD = """
insert into outbox (shard, topic, key, value, headers)
select shard, topic, key, value, headers
from unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[])
  with ordinality as given (shard, topic, key, value, headers, place)
order by place"""


async def add(tx: Connection, events: Sequence[OutgoingEvent]) -> None:
    """Put events into the outbox: they are published, in this order per key, when the transaction has committed."""
    if not events:
        return
    await tx.execute(
        _ADD,
        [zlib.crc32(event.key.encode()) % SHARDS for event in events],
        [event.topic for event in events],
        [event.key for event in events],
        [event.value for event in events],
        [event.headers for event in events],
    )


async def pending(runtime: Runtime, *, upto: int | None = None) -> int:
    """How many committed events (up to an id) the log has not acknowledged; those that it refused do not count."""
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select count(*) from outbox where $1::bigint is null or id <= $1", upto))


async def newest(runtime: Runtime) -> int:
    """The highest id in the outbox now; 0 when it is empty."""
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select coalesce(max(id), 0) from outbox"))
