"""Events of committed transactions, on their way to the log."""

import zlib
from collections.abc import Sequence
from typing import Any

from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from comeback_kit.relay import SHARDS, Relay
from comeback_kit.runtime import Runtime

__all__ = ["SHARDS", "Relay", "add", "adding", "adding_alike", "alike", "pending", "to_json"]

# What is the same for all is sent once: the driver spends more on a row's small fields than on its event.
_ADD = """
insert into outbox (shard, topic, key, value, headers)
select get_byte($1::bytea, place::int - 1), coalesce(topic, $2::text), key, value, headers
from unnest($3::text[], $4::text[], $5::bytea[], $6::jsonb[])
  with ordinality as given (topic, key, value, headers, place)
order by place"""


async def add(tx: Connection, events: Sequence[OutgoingEvent]) -> None:
    """Put events into the outbox: they are published, in this order per key, when the transaction has committed."""
    if not events:
        return
    topics = {event.topic for event in events}
    await tx.execute(
        _ADD,
        bytes(zlib.crc32(event.key.encode()) % SHARDS for event in events),
        events[0].topic,
        [event.topic for event in events] if len(topics) > 1 else None,
        [event.key for event in events],
        [event.value for event in events],
        [event.headers for event in events] if any(event.headers for event in events) else None,
    )


def adding(parameter: str) -> str:
    """The same as a part (``with … as (…)``) of a statement that writes more; ``parameter`` gets ``to_json``."""
    return f"""insert into outbox (shard, topic, key, value, headers)
select shard, topic, key, convert_to(value, 'UTF8'), headers from rows from (json_to_recordset({parameter}::json)
  as (shard smallint, topic text, key text, value text, headers jsonb))
  with ordinality given (shard, topic, key, value, headers, place) order by place"""


def adding_alike(shard: str, topic: str, key: str, values: str, *, source: str) -> str:
    """The same for events of one key, if ``source`` has its one row; the four parameters get ``alike``."""
    return f"""insert into outbox (shard, topic, key, value)
select {shard}::smallint, {topic}, {key}, given.value
from {source}, unnest((select {values}::bytea[])) with ordinality given (value, place)
order by given.place"""


def alike(events: Sequence[OutgoingEvent]) -> tuple[int, str, str, list[bytes]]:
    """What the parameters of ``adding_alike`` hold. The events (at least one) share topic and key, without headers."""
    first = events[0]
    assert all((one.topic, one.key, one.headers) == (first.topic, first.key, None) for one in events)  # noqa: S101
    return zlib.crc32(first.key.encode()) % SHARDS, first.topic, first.key, [one.value for one in events]


def to_json(events: Sequence[OutgoingEvent]) -> list[dict[str, Any]]:
    """What the parameter of ``adding`` holds, encoded as JSON; the values are JSON texts, as all events are."""
    return [
        {
            "shard": zlib.crc32(event.key.encode()) % SHARDS,
            "topic": event.topic,
            "key": event.key,
            "value": event.value.decode(),
            "headers": event.headers,
        }
        for event in events
    ]


async def pending(runtime: Runtime, *, upto: int | None = None) -> int:
    """How many committed events (up to an id) the log has not acknowledged; those that it refused do not count."""
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select count(*) from outbox where $1::bigint is null or id <= $1", upto))


async def newest(runtime: Runtime) -> int:
    """The highest id in the outbox now; 0 when it is empty."""
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select coalesce(max(id), 0) from outbox"))
