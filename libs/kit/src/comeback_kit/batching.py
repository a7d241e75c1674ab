"""What was polled as batches, a transaction each, and how far the settled ones go without a gap.

Records are keyed by what they tell of, an order say, but their effects may lock rows of others: of who bought. Two
consumers that are behind would share a customer in every batch, and wait for each other instead of working side by
side. A subscription that names those rows (``lane``) is dealt out by them, and everybody goes through the lanes in the
same order: whoever meets another in a lane waits for it once, and is a lane behind it from then on.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from comeback_kit.delivery import Batch, read_batch
from comeback_kit.log.port import Record, TopicPartition
from comeback_kit.settling import Subscription


class Part(NamedTuple):
    """One batch. ``lane``: its place among the lanes of the poll, None where the topic was not dealt out."""

    subscription: Subscription
    records: list[Record]
    lane: int | None = None

    async def read(self) -> Batch:
        """Decode the records and read ahead."""
        return await read_batch(self.records, self.subscription.types, self.subscription.reader)


Work: TypeAlias = list[Part]
"""Batches in the order in which they are settled."""

LANES: Final = 5
"""One more than the batches of a full poll, so that a lane is a little less than a batch."""


def in_batches(records: Iterable[Record], subscriptions: Iterable[Subscription], most: int) -> Work:
    """The records in batches of one subscription each, the subscriptions in this order; ``most`` records a batch.

    Records of one topic keep their order; where there are more than a batch and they have lanes, those of one key do.
    """
    by_topic: dict[str, list[Record]] = {}
    for record in records:
        by_topic.setdefault(record.topic, []).append(record)
    return [
        Part(subscription, part[first : first + most], lane)
        for subscription in subscriptions
        if subscription.topic in by_topic
        for lane, part in _parts(by_topic[subscription.topic], subscription.lane, most)
        for first in range(0, len(part), most)
    ]


def may_overlap(before: Part, part: Part) -> bool:
    """Whether a batch and the one before it lock different rows: other lanes of the same topic."""
    return before.subscription is part.subscription and part.lane is not None and before.lane != part.lane


def positions(work: Work, done: int) -> dict[TopicPartition, int]:
    """What may be committed after the first ``done`` batches: per partition the next offset that is not settled."""
    ends: dict[tuple[str, int], int] = {}
    for part in work[:done]:
        for record in part.records:
            place = record.topic, record.partition
            if record.offset >= ends.get(place, 0):
                ends[place] = record.offset + 1
    for part in work[done:]:
        for record in part.records:
            place = record.topic, record.partition
            if record.offset < ends.get(place, 0):
                ends[place] = record.offset
    return {TopicPartition(*place): end for place, end in ends.items()}


def _parts(
    records: list[Record], lane: Callable[[Record], bytes] | None, most: int
) -> Iterable[tuple[int | None, list[Record]]]:
    if lane is None or len(records) <= most:
        return [(None, records)]
    lanes: list[list[Record]] = [[] for _ in range(LANES)]
    of_key: dict[bytes, int] = {}
    for record in records:
        number = of_key.get(record.key)
        if number is None:  # the first record of a key decides: a refund that names no buyer stays with its order
            number = of_key[record.key] = zlib.crc32(lane(record)) % LANES  # as in every process, unlike ``hash``
        lanes[number].append(record)
    return enumerate(lanes)
