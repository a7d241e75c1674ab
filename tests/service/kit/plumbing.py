"""A service made of nothing but the kit: its runtime, events for it, and a handler whose effects can be counted."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from comeback_kit.consumer import Context, Subscription, lag
from comeback_kit.db import Connection, Database
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.log import Entry, EventLog, Record, TopicSpec, open_log
from comeback_kit.log.port import LogUnavailable
from comeback_kit.runtime import Clock, Runtime, system_clock
from comeback_kit.settings import ServiceSettings
from tests.support.postgres import TestServer

SERVICE, TOPIC, OUT = "tiny", "things", "out"
DEAD = "comeback.tiny.dead-letter.v1"


async def tiny_database(postgres: TestServer) -> str:
    return await postgres.fresh(SERVICE, "tests.support.tiny")


@contextlib.asynccontextmanager
async def running(
    database_url: str, log: str | EventLog, *, clock: Clock = system_clock, worker_pool: int = 4
) -> AsyncIterator[Runtime]:
    """A runtime on a database and a log (an address, or an open one)."""
    db = Database(database_url, SERVICE, worker_pool=worker_pool)
    await db.open()
    opened = open_log(log) if isinstance(log, str) else log
    if isinstance(log, str):
        await opened.start()
    assert await opened.ensure_topics([TopicSpec(TOPIC), TopicSpec(OUT), TopicSpec(DEAD, 1)], timeout=20.0)
    try:
        yield Runtime(SERVICE, ServiceSettings(database_url=database_url), db, opened, clock)
    finally:
        if isinstance(log, str):
            await opened.stop()
        await db.close()


def thing(
    number: int, *, data: Any = None, kind: str = "thing.seen", key: str | None = None, topic: str = TOPIC
) -> Entry:
    """An event: its id is ``e<number>``, one of twenty keys by its number."""
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "test",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "shopid": "demo",
        "data": {"n": number} if data is None else data,
    }
    return Entry(topic, key or f"demo:{number % 20}", json.dumps(event).encode())


async def note(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """One row an event. A second time would violate the key: the handler is not idempotent by itself."""
    for event in events:
        if event.view(dict).get("bad"):
            raise PoisonEvent(event, "says so itself")
    await tx.executemany("insert into notes values ('demo', $1, '', $2)", [(event.id, context.now) for event in events])


NOTES = Subscription(TOPIC, note, types=frozenset({"thing.seen"}))


async def noted(runtime: Runtime) -> list[int]:
    """The numbers of the events that had their effect, sorted."""
    async with runtime.db.work() as tx:
        return sorted(int(row["note_id"][1:]) for row in await tx.fetch("select note_id from notes"))


async def behind(runtime: Runtime) -> int:
    """Records without a committed effect; a broker that is still making its coordinator is "not yet"."""
    try:
        return sum((await lag(runtime, [NOTES])).values())
    except LogUnavailable as error:
        raise AssertionError("the log does not answer") from error


async def read_to_end(log: EventLog, topic: str, group: str = "reader") -> list[Record]:
    """Everything in a topic now, in the order of the log per partition."""
    total = sum((await log.end_offsets([topic])).values())
    member = log.consumer(group, [topic])
    await member.start()
    records: list[Record] = []
    while len(records) < total:
        records += await member.poll(1000, 1.0)
    await member.stop()
    return records
