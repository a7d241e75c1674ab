"""A second opinion on whether a consumer reads: aiokafka's can stop silently (aio-libs/aiokafka#712, #718, #727)."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError

from comeback_kit.log.kafka_settings import KafkaSettings
from comeback_kit.log.port import LogUnavailable, TopicPartition

_QUIET_SECONDS: Final = 15.0
_AGAIN_SECONDS: Final = 5.0

EndOffsets = Callable[[Sequence[str]], Awaitable[dict[TopicPartition, int]]]


class Watchdog:
    """Twice in a row the cluster holds records beyond a position that does not move: the consumer stands still.

    ``end_offsets`` asks over a connection that is not the consumer's.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], end_offsets: EndOffsets) -> None:
        self._settings = settings
        self._topics = topics
        self._end_offsets = end_offsets
        self._look_at = 0.0
        self._suspect: Mapping[TopicPartition, int] = {}
        self.moved()

    def moved(self) -> None:
        """Records came, or everything started anew."""
        self._look_at = time.monotonic() + _QUIET_SECONDS
        self._suspect = {}

    async def stands_still(self, consumer: Any) -> bool:
        """Asked after every poll without records."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _AGAIN_SECONDS
        try:
            ends = await self._end_offsets(self._topics)
        except LogUnavailable:
            return False
        behind: dict[TopicPartition, int] = {}
        for wire in consumer.assignment():
            at = position_of(consumer, wire) or 0
            place = TopicPartition(self._settings.logical(wire.topic), wire.partition)
            if ends.get(place, 0) > at:
                behind[place] = at
        suspect, self._suspect = self._suspect, behind
        return bool(behind.items() & suspect.items())


def position_of(consumer: Any, wire: Any) -> int | None:
    """The next offset of a partition, without waiting until there is one as aiokafka's own ``position`` does."""
    with contextlib.suppress(KafkaError, AttributeError, AssertionError, KeyError):
        state = consumer._subscription.subscription.assignment.state_value(wire)  # noqa: SLF001  # see above
        return int(state.position) if state.has_valid_position else None
    return None
