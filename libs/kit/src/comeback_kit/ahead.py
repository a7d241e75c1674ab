"""What a consumer that is behind does before its turn: it polls, and reads the first batch of what came."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from comeback_kit.batching import Work
from comeback_kit.delivery import Batch


@dataclass(frozen=True, slots=True, eq=False)
class Polled:
    """Records in batches, and the generation of the assignment that they are of."""

    work: Work
    generation: int

    @property
    def count(self) -> int:
        """How many records there are."""
        return sum(len(part.records) for part in self.work)


class Ahead:
    """One poll, and the reading of its first batch; ``poll`` and ``read`` do them."""

    def __init__(self, poll: Callable[[], Awaitable[Polled]], read: Callable[[Polled], Awaitable[Batch]]) -> None:
        self._poll = poll
        self._read = read
        self._polling: asyncio.Task[Polled] | None = None
        self._reading: asyncio.Task[Batch | None] | None = None
        self._read_of: Polled | None = None

    def poll(self, moment: asyncio.Event | None = None) -> None:
        """Poll, from that moment on if one is given."""
        self._polling = asyncio.create_task(self._poll_at(moment))

    def read(self) -> None:
        """Read the first batch of what the poll ahead brings, if there is one."""
        if self._polling is not None:
            self._reading = asyncio.create_task(self._read_of_poll(self._polling))

    async def polled(self) -> Polled:
        """What was polled ahead, or a poll now."""
        polling, self._polling = self._polling, None
        if polling is None:
            return await self._poll()
        try:
            return await polling
        finally:
            polling.cancel()

    def come(self) -> Polled | None:
        """What was polled ahead if it has come; ``polled`` still gives it."""
        polling = self._polling
        if polling is None or not polling.done() or polling.cancelled() or polling.exception() is not None:
            return None
        return polling.result()

    async def batch_of(self, polled: Polled) -> Batch | None:
        """The first batch of this poll where it was read ahead."""
        reading, self._reading = self._reading, None
        if reading is None:
            return None
        try:
            batch = await reading
            return batch if polled is self._read_of else None
        finally:
            reading.cancel()
            self._read_of = None

    async def leave(self) -> None:
        """What was polled and read ahead is void."""
        tasks = [task for task in (self._reading, self._polling) if task is not None]
        self._polling = self._reading = None
        self._read_of = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll_at(self, moment: asyncio.Event | None) -> Polled:
        if moment is not None:
            await moment.wait()
        return await self._poll()

    async def _read_of_poll(self, polling: asyncio.Task[Polled]) -> Batch | None:
        await asyncio.wait([polling])
        if polling.cancelled() or polling.exception() is not None:
            return None  # whoever asks for the poll gets to know
        polled = polling.result()
        if not polled.work:
            return None
        self._read_of = polled
        return await self._read(polled)
