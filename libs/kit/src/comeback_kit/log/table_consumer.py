"""One member of a consumer group on the table log.

The partitions are shared among the live members by leases (``comeback_kit.leases``). A member that loses its session
loses its leases; what it had in flight is void then (``generation``), and its commits can only move positions forward.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from comeback_kit import leases
from comeback_kit.log.port import CommitFailed, LogUnavailable, Record, RevokeHook, TopicPartition
from comeback_kit.log.table_schema import GROUPS_CHANNEL
from comeback_kit.log.table_session import TableSession

logger = logging.getLogger(__name__)

REVOKE_SECONDS: Final = 5.0
_BALANCE_SECONDS: Final = 1.0
_HUNGRY_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 1.0  # when no notification came
_MOST_BYTES: Final = 16 * 1024 * 1024

_PARTITIONS: Final = """
select id, topic, number from log_partitions where topic = any($1::text[]) order by topic, number"""
_ENDS: Final = """
select p.id, p.next_offset from unnest($1::int[]) as want(id) join log_partitions p using (id)"""
_READ: Final = """
select want.id, r.record_offset, r.key, r.value, r.headers
from unnest($1::int[], $2::bigint[]) as want(id, position)
cross join lateral (
  select *, sum(octet_length(value)) over (order by record_offset) - octet_length(value) as before
  from (
    select record_offset, key, value, headers from log_records
    where partition_id = want.id and record_offset >= want.position
    order by record_offset limit $3
  ) page
) r
where r.before < $4"""
_COMMIT: Final = """
insert into log_positions (group_id, partition_id, next_offset)
select $1, * from unnest($2::int[], $3::bigint[])
on conflict (group_id, partition_id) do update set next_offset = excluded.next_offset
where log_positions.next_offset < excluded.next_offset"""
_POSITIONS: Final = """
select want.id, coalesce(p.next_offset, 0) as next_offset
from unnest($2::int[]) as want(id) left join log_positions p on p.group_id = $1 and p.partition_id = want.id"""
_GROUP: Final = """
with made as (insert into log_groups (name) values ($1) on conflict do nothing returning id)
select id from made union all select id from log_groups where name = $1 limit 1"""


class Partition(NamedTuple):
    id: int
    topic: str
    number: int


class TableConsumer:
    """See ``port.LogConsumer``."""

    def __init__(
        self,
        session: TableSession,
        group: str,
        topics: Sequence[str],
        on_stop: Callable[["TableConsumer"], None],
    ) -> None:
        self._session = session
        self._group = group
        self._topics = tuple(topics)
        self._on_stop = on_stop
        self._on_revoke: RevokeHook | None = None
        self._space = 0
        self._epoch = -1
        self._owned: dict[int, Partition] = {}
        self._positions: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._hungry = False
        self._records_wanted = asyncio.Event()
        self._balance_wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def rebuilds(self) -> int:
        return 0  # the session's reconnects are the log's affair; nothing of a member can hang

    async def start(self, on_revoke: RevokeHook | None = None) -> None:
        self._on_revoke = on_revoke
        self._task = asyncio.create_task(self._keep_balanced(), name=f"table-log-{self._group}")

    async def stop(self, timeout: float = 4.0) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(LogUnavailable, TimeoutError):
            async with asyncio.timeout(timeout), self._session.use() as connection:
                if self._epoch == self._session.epoch:
                    await leases.leave(connection, self._space, self._owned)
                    await self._tell_group(connection)
        self._drop()
        self._on_stop(self)

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(each.topic, each.number) for each in self._owned.values())

    def lags(self) -> Mapping[TopicPartition, int]:
        return {
            TopicPartition(each.topic, each.number): max(0, self._ends.get(id_, 0) - self._positions.get(id_, 0))
            for id_, each in self._owned.items()
        }

    def notified(self, partitions: Collection[int]) -> None:
        """Records were appended to these partitions."""
        if not self._owned.keys().isdisjoint(partitions):
            self._records_wanted.set()

    def members_changed(self, group: str) -> None:
        """Members of the group with this id came or went; empty: the session did."""
        if group in ("", str(self._space)):
            self._balance_wanted.set()
            if self._epoch != self._session.epoch:
                self._drop()

    async def poll(self, max_records: int, timeout: float) -> list[Record]:
        deadline = time.monotonic() + timeout
        while True:
            self._records_wanted.clear()
            try:
                records = await self._read(max_records)
            except LogUnavailable:
                records = []
            if records:
                return records
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _POLL_SECONDS)):
                    await self._records_wanted.wait()

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        ids = {TopicPartition(each.topic, each.number): id_ for id_, each in self._owned.items()}
        if any(place not in ids for place in positions):
            raise CommitFailed("a partition belongs to another member now")
        rows = sorted((ids[place], offset) for place, offset in positions.items())
        async with self._session.reader() as connection, connection.transaction():
            # A position lost in a crash only means that records are handed out again.
            await connection.execute("set local synchronous_commit = off")
            await connection.execute(_COMMIT, self._space, [row[0] for row in rows], [row[1] for row in rows])

    async def rewind(self) -> None:
        self._generation += 1
        self._positions.clear()
        self._records_wanted.set()

    async def keep_alive(self) -> None:
        return  # the lease is kept by a task of its own

    async def _read(self, max_records: int) -> list[Record]:
        generation, owned = self._generation, list(self._owned)
        if not owned:
            return []
        async with self._session.reader() as connection:
            if missing := [id_ for id_ in owned if id_ not in self._positions]:
                found = await self._committed(connection, missing)
                if generation != self._generation:
                    return []
                self._positions.update(found)
            ends = {row["id"]: row["next_offset"] for row in await connection.fetch(_ENDS, owned)}
            behind = sorted(id_ for id_ in owned if ends.get(id_, 0) > self._positions[id_])
            self._ends = ends
            if not behind:
                return []
            share = max(1, max_records // len(behind))
            wanted = [self._positions[id_] for id_ in behind]
            rows = await connection.fetch(_READ, behind, wanted, share, _MOST_BYTES // len(behind))
        if generation != self._generation:
            return []
        return self._take(behind, rows)

    def _take(self, behind: list[int], rows: list[Any]) -> list[Record]:
        empty = set(behind)
        records = []
        for id_, offset, key, value, headers in rows:
            topic, number = self._owned[id_][1:]
            decoded = msgspec.msgpack.decode(headers, type=dict[str, str]) if headers else None
            records.append(Record(topic, number, offset, key, value, decoded))
            self._positions[id_] = offset + 1
            empty.discard(id_)
        for id_ in empty:  # retention took everything between the position and the end
            self._positions[id_] = self._ends[id_]
        return records

    async def _keep_balanced(self) -> None:
        while True:
            self._balance_wanted.clear()
            try:
                await self._balance()
            except LogUnavailable:
                self._drop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HUNGRY_SECONDS if self._hungry else _BALANCE_SECONDS):
                    await self._balance_wanted.wait()

    async def _balance(self) -> None:
        async with self._session.use() as connection:
            if self._epoch != self._session.epoch:
                await self._join(connection)
            rows = await connection.fetch(_PARTITIONS, list(self._topics))
            partitions = {row["id"]: Partition(*row) for row in rows}
            wanted = await leases.fair_share(connection, self._space, list(partitions))
        if surplus := self._owned.keys() - wanted:
            await self._give_up(surplus)
        async with self._session.use() as connection:
            got = await leases.acquire(connection, self._space, wanted - self._owned.keys())
        if got:
            self._owned.update((id_, partitions[id_]) for id_ in got)
            self._positions.clear()
            self._generation += 1
            self._records_wanted.set()
        self._hungry = len(wanted) > len(self._owned)

    async def _join(self, connection: Any) -> None:
        self._drop()
        self._space = await connection.fetchval(_GROUP, self._group)
        await leases.join(connection, self._space)
        self._epoch = self._session.epoch
        await self._tell_group(connection)

    async def _give_up(self, surplus: Collection[int]) -> None:
        if self._on_revoke is not None:
            try:
                async with asyncio.timeout(REVOKE_SECONDS):
                    await self._on_revoke()
            except TimeoutError:
                logger.warning("group %s gives partitions up with work in flight", self._group)
        for id_ in surplus:
            self._owned.pop(id_, None)
        self._positions.clear()
        self._generation += 1
        async with self._session.use() as connection:
            await leases.release(connection, self._space, surplus)
            await self._tell_group(connection)

    def _drop(self) -> None:
        if self._owned:
            self._generation += 1
        self._owned.clear()
        self._positions.clear()

    async def _committed(self, connection: Any, ids: list[int]) -> dict[int, int]:
        rows = await connection.fetch(_POSITIONS, self._space, ids)
        return {row["id"]: row["next_offset"] for row in rows}

    async def _tell_group(self, connection: Any) -> None:
        await connection.execute("select pg_notify($1, $2)", GROUPS_CHANNEL, str(self._space))
