"""The event log as the rest of the code sees it: append durably, read in order per key, commit positions.

Two adapters, one behavioral suite (``tests/contract/log``): ``KafkaLog`` and ``PostgresLog``. Topic and group names
are logical; an adapter may put a prefix before them on the wire.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

import msgspec

from comeback_kit.errors import TransientError

MAX_ENTRY_BYTES = 8 * 1024 * 1024
"""Most bytes of one entry's value, on both adapters. Consumers take events of 1 MiB; a dead letter may wrap more."""

APPEND_TIMEOUT = 5.0
"""Seconds after which an append gives up with ``LogUnavailable``."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic to make. ``retention`` None: records stay for ever. ``compacted``: the newest record of a key stays."""

    name: str
    partitions: int = 4
    retention: timedelta | None = timedelta(days=30)
    compacted: bool = False


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What is appended. Entries of one topic and key are read in the order in which they were appended."""

    topic: str
    key: str
    value: bytes
    headers: dict[str, str] | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is read. ``offset`` rises inside a partition, with gaps where records were removed."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: dict[str, str] | None = None


class LogUnavailable(TransientError):
    """The log did not acknowledge in time; whether it kept the entries is unknown, so append them again."""


class CommitFailed(TransientError):
    """The group has given the partitions to another member: drop what was read, and poll again."""


class EntryTooLarge(ValueError):
    """Entries that the log will never take; nothing of the call was kept by choice. ``indexes`` names them."""

    def __init__(self, indexes: Sequence[int]) -> None:
        super().__init__(f"{len(indexes)} of the entries are too large for the log")
        self.indexes = tuple(indexes)


RevokeHook = Callable[[], Awaitable[None]]


class LogConsumer(Protocol):
    """One member of a consumer group; used by one task at a time."""

    @property
    def generation(self) -> int:
        """Rises whenever partitions came or went, or the position was reset: what was polled before is void then.

        What a poll answers belongs to the generation that is current when it returns.
        """

    @property
    def rebuilds(self) -> int:
        """How often the consumer had to be built anew because it had stopped silently."""

    async def start(self, on_revoke: RevokeHook | None = None) -> None:
        """Join the group; returns at once also when the log is away. ``on_revoke`` is awaited (bounded) before
        partitions are given up: finish and commit, or drop, what is in flight.
        """

    async def stop(self, timeout: float = 4.0) -> None:
        """Leave the group, at the latest after ``timeout`` seconds."""

    async def poll(self, max_records: int, timeout: float) -> list[Record]:
        """The next records over all assigned partitions, as soon as there are any; empty after ``timeout`` seconds.

        The position moves on. While the log is away it answers empty after ``timeout``, and reconnects by itself.
        """

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Make ``positions`` (the next offset to read) durable. Raises ``CommitFailed`` or ``LogUnavailable``."""

    async def rewind(self) -> None:
        """Forget the positions; the next poll starts at the committed ones."""

    async def keep_alive(self) -> None:
        """Called between retries of a batch, so that the group does not take a busy member for a dead one."""

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this member reads now."""

    def lags(self) -> Mapping[TopicPartition, int]:
        """Records behind the end that the last poll knew of, per assigned partition."""


class EventLog(Protocol):
    """A durable, partitioned log."""

    async def start(self) -> None:
        """Open the log; returns within a few seconds also when it is away, and keeps trying in the background."""

    async def stop(self, timeout: float = 2.0) -> None:
        """Close it, at the latest after ``timeout`` seconds."""

    async def ensure_topics(self, topics: Iterable[TopicSpec], timeout: float = 5.0) -> bool:
        """Make the topics that are missing. False when the log is away: they are made when it comes back."""

    async def append(self, entries: Sequence[Entry], *, first: Sequence[Entry] = ()) -> None:
        """Return when every entry is durable; none of ``entries`` is before all of ``first`` are.

        Raises ``LogUnavailable`` within ``APPEND_TIMEOUT`` seconds (the table log has kept nothing then, whatever the
        topics; Kafka may have kept a part of them when it fails in the middle), or ``EntryTooLarge`` at once, whose
        indexes count ``first`` and ``entries`` through.
        """

    def consumer(self, group: str, topics: Sequence[str]) -> LogConsumer:
        """A member of a group; a new group starts at the earliest record."""

    async def end_offsets(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """The next offset of every partition. Raises ``LogUnavailable``."""

    async def committed(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Where the group goes on; 0 for a partition without a commit. Raises ``LogUnavailable``."""

    async def ping(self) -> None:
        """Raise ``LogUnavailable`` when the log does not answer within two seconds."""


async def group_lag(log: EventLog, group: str, topics: Sequence[str]) -> dict[str, int]:
    """How many records of each topic, of those that are in the log now, the group has not committed yet."""
    ends = await log.end_offsets(topics)
    done = await log.committed(group, topics)
    lag = dict.fromkeys(topics, 0)
    for place, end in ends.items():
        lag[place.topic] += max(0, end - done.get(place, 0))
    return lag
