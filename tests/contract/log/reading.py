"""Reading a log in tests."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from comeback_kit.log import LogConsumer, Record, TopicPartition


async def read(member: LogConsumer, count: int, *, within: float = 20.0, batch: int = 500) -> list[Record]:
    """The next ``count`` records or more; fails after ``within`` seconds."""
    deadline = time.monotonic() + within
    records: list[Record] = []
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records within {within} s"
        records += await member.poll(batch, 0.5)
    return records


def positions(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """What to commit after these records."""
    after: dict[TopicPartition, int] = {}
    for record in records:
        after[TopicPartition(record.topic, record.partition)] = record.offset + 1
    return after


def numbers(records: Iterable[Record]) -> list[int]:
    return [int(record.value) for record in records]


def by_key(records: Iterable[Record]) -> Mapping[bytes, list[int]]:
    """The numbers of each key in the order in which they were read."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for record in records:
        found[record.key].append(int(record.value))
    return found
