"""The table log: a durable, partitioned log in one PostgreSQL database, for shops that need no broker.

At most six connections an instance: one session (leases, notifications), one writer, four readers.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from comeback_kit.log.port import (
    APPEND_TIMEOUT,
    MAX_ENTRY_BYTES,
    Entry,
    EntryTooLarge,
    LogUnavailable,
    TopicPartition,
    TopicSpec,
)
from comeback_kit.log.table_consumer import TableConsumer
from comeback_kit.log.table_retention import Retention
from comeback_kit.log.table_schema import CHANNEL, create_topics
from comeback_kit.log.table_session import TableSession
from comeback_kit.log.table_writer import TableWriter

logger = logging.getLogger(__name__)

_START_SECONDS = 5.0
_ALL = "select id, topic, number, next_offset from log_partitions order by topic, number"
_COMMITTED = """
select p.topic, p.number, coalesce(c.next_offset, 0) as next_offset
from log_partitions p
left join log_groups g on g.name = $1
left join log_positions c on c.group_id = g.id and c.partition_id = p.id
where p.topic = any($2::text[])"""


class PostgresLog:
    """See ``port.EventLog``. ``url``: a database that exists; the log makes its tables in it."""

    def __init__(self, url: str, *, readers: int = 4, retention_every: float = 600.0) -> None:
        self._session = TableSession(url, readers=readers, on_connect=self._on_connect, listener=self._on_notification)
        self._writer = TableWriter(url, self._on_append)
        self._retention = Retention(self._session, retention_every)
        self._specs: dict[str, TopicSpec] = {}
        self._partitions: dict[str, list[int]] = {}
        self._consumers: dict[str, TableConsumer] = {}

    async def start(self) -> None:
        self._writer.start()
        self._retention.start()
        await self._session.start(_START_SECONDS)

    async def stop(self, timeout: float = 2.0) -> None:
        await self._retention.stop()
        await self._writer.stop(timeout / 2)
        await self._session.stop(timeout / 2)

    async def ensure_topics(self, topics: Iterable[TopicSpec], timeout: float = 5.0) -> bool:
        specs = {spec.name: spec for spec in topics}
        self._specs.update(specs)
        try:
            async with asyncio.timeout(timeout):
                await self._session.ready(timeout)
                async with self._session.use() as connection:
                    await create_topics(connection, list(specs.values()))
                    await self._load(connection)
        except (LogUnavailable, TimeoutError):
            return False
        return True

    async def append(self, entries: Sequence[Entry], *, first: Sequence[Entry] = ()) -> None:
        entries = [*first, *entries]
        if not entries:
            return
        too_large = [index for index, entry in enumerate(entries) if len(entry.value) > MAX_ENTRY_BYTES]
        if too_large:
            raise EntryTooLarge(too_large)
        await self._session.ready(APPEND_TIMEOUT)
        topics = {entry.topic for entry in entries}
        if not topics <= self._partitions.keys():
            async with self._session.reader() as connection:
                await self._load(connection)
        if unknown := topics - self._partitions.keys():
            raise LogUnavailable(f"no topic {', '.join(sorted(unknown))}")
        await self._writer.append(entries, self._partitions)

    def consumer(self, group: str, topics: Sequence[str]) -> TableConsumer:
        """See ``port.EventLog``; one member of a group per log instance, since they share one session."""
        if group in self._consumers:
            raise ValueError(f"group {group} has its member in this log instance already")
        member = TableConsumer(self._session, group, topics, self._forget)
        self._consumers[group] = member
        return member

    async def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        async with self._session.reader() as connection:
            rows = await connection.fetch(_ALL)
        wanted = set(topics)
        return {
            TopicPartition(row["topic"], row["number"]): row["next_offset"] for row in rows if row["topic"] in wanted
        }

    async def committed(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        async with self._session.reader() as connection:
            rows = await connection.fetch(_COMMITTED, group, list(topics))
        return {TopicPartition(row["topic"], row["number"]): row["next_offset"] for row in rows}

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(2.0), self._session.reader(2.0) as connection:
                await connection.fetchval("select 1")
        except TimeoutError:
            raise LogUnavailable("the log's database does not answer") from None

    async def sweep(self) -> None:
        """Apply the retention now instead of at the next turn."""
        await self._retention.sweep()

    async def _on_connect(self, connection: Any) -> None:
        if self._specs:
            await create_topics(connection, list(self._specs.values()))
        await self._load(connection)

    async def _load(self, connection: Any) -> None:
        found: dict[str, list[int]] = {}
        for row in await connection.fetch(_ALL):
            found.setdefault(row["topic"], []).append(row["id"])
        self._partitions = found

    def _on_append(self, partitions: set[int]) -> None:
        for member in self._consumers.values():
            member.notified(partitions)

    def _on_notification(self, channel: str, payload: str) -> None:
        for member in list(self._consumers.values()):
            if channel == CHANNEL:
                with contextlib.suppress(ValueError):  # anybody may notify anything
                    member.notified({int(part) for part in payload.split(",")})
            else:
                member.members_changed(payload)

    def _forget(self, member: TableConsumer) -> None:
        self._consumers = {group: each for group, each in self._consumers.items() if each is not member}
