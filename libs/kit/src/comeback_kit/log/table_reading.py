"""Reading partitions of the table log from positions on, and keeping a group's positions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from comeback_kit.log.port import CommitFailed, Record, TopicPartition

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


class Partition(NamedTuple):
    id: int
    topic: str
    number: int

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self.topic, self.number)


async def partitions_of(connection: Any, topics: Sequence[str]) -> dict[int, Partition]:
    """The partitions of topics, by id, in the order of topic and number."""
    return {row["id"]: Partition(*row) for row in await connection.fetch(_PARTITIONS, list(topics))}


class Positions:
    """What one member owns and where it reads. ``generation`` rises whenever that changed other than by reading."""

    def __init__(self) -> None:
        self.owned: dict[int, Partition] = {}
        self.generation = 0
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    def gain(self, partitions: Mapping[int, Partition]) -> None:
        self.owned.update(partitions)
        self.reset()

    def lose(self, ids: Collection[int]) -> None:
        for id_ in ids:
            self.owned.pop(id_, None)
        self.reset()

    def lose_all(self) -> None:
        if self.owned:
            self.lose(list(self.owned))

    def reset(self) -> None:
        """Go on from the committed positions."""
        self.generation += 1
        self._next.clear()

    def lags(self) -> dict[TopicPartition, int]:
        return {each.place: max(0, self._ends.get(id_, 0) - self._next.get(id_, 0)) for id_, each in self.owned.items()}

    async def read(self, connection: Any, group: int, most: int) -> list[Record]:
        """Up to ``most`` records, shared by the partitions that have any. Moves the positions."""
        generation, owned = self.generation, list(self.owned)
        if missing := [id_ for id_ in owned if id_ not in self._next]:
            rows = await connection.fetch(_POSITIONS, group, missing)
            if generation != self.generation:
                return []
            self._next.update((row["id"], row["next_offset"]) for row in rows)
        ends = {row["id"]: row["next_offset"] for row in await connection.fetch(_ENDS, owned)}
        if generation != self.generation:
            return []
        self._ends = ends
        behind = sorted(id_ for id_ in owned if ends.get(id_, 0) > self._next[id_])[:most]
        if not behind:
            return []
        wanted, share = [self._next[id_] for id_ in behind], most // len(behind)
        rows = await connection.fetch(_READ, behind, wanted, share, _MOST_BYTES // len(behind))
        return self._take(behind, rows) if generation == self.generation else []

    async def commit(self, connection: Any, group: int, positions: Mapping[TopicPartition, int]) -> None:
        """Raises ``CommitFailed`` when a partition is not owned. A position never moves back."""
        ids = {each.place: id_ for id_, each in self.owned.items()}
        if any(place not in ids for place in positions):
            raise CommitFailed("a partition belongs to another member now")
        rows = sorted((ids[place], offset) for place, offset in positions.items())
        async with connection.transaction():
            # A position lost in a crash only means that records are handed out again.
            await connection.execute("set local synchronous_commit = off")
            await connection.execute(_COMMIT, group, [row[0] for row in rows], [row[1] for row in rows])

    def _take(self, behind: list[int], rows: list[Any]) -> list[Record]:
        empty = set(behind)
        records = []
        for id_, offset, key, value, headers in rows:
            _, topic, number = self.owned[id_]
            decoded = msgspec.msgpack.decode(headers, type=dict[str, str]) if headers else None
            records.append(Record(topic, number, offset, key, value, decoded))
            self._next[id_] = offset + 1
            empty.discard(id_)
        for id_ in empty:  # retention took everything between the position and the end
            self._next[id_] = self._ends[id_]
        return records
