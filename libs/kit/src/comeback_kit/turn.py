"""What was polled is settled batch by batch; one batch begins while the one before is still being written.

Two batches are under way at a time where both are of one topic and in different lanes, so that neither waits for rows
of the other: the second begins when the first says that only writing is left (``Context.writing``). Otherwise it begins
when the first has ended. What was polled ahead meanwhile is part of the same turn, if its first batch may overlap too.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from comeback_kit.ahead import Ahead, Polled
from comeback_kit.batching import may_overlap, positions
from comeback_kit.delivery import Batch
from comeback_kit.log.port import TopicPartition
from comeback_kit.settling import Interrupted, Subscription

Settle = Callable[[Subscription, Batch, Callable[[], None]], Awaitable[None]]
"""``Settler.settle``"""
Commit = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]
"""Has positions committed; returns when it has begun to."""


class Turn:
    """The batches of one poll, and of those that follow while the consumer is behind.

    ``done``: how many of its batches, from the first on without a gap, have had their effect. Polls whose batches have
    all had it are committed and forgotten as soon as another one is under way.
    """

    def __init__(
        self, polled: Polled, settle: Settle, interrupt: asyncio.Event, ahead: Ahead | None, commit: Commit
    ) -> None:
        self.done = 0
        self._generation = polled.generation
        self._work = list(polled.work)
        self._polls = deque([len(polled.work)])
        self._place = 0
        self._settle = settle
        self._interrupt = interrupt
        self._ahead = ahead
        self._commit = commit
        self._running: deque[asyncio.Task[None]] = deque()
        self._reading: asyncio.Task[Batch] | None = None

    @property
    def positions(self) -> dict[TopicPartition, int]:
        """What may be committed now."""
        return positions(self._work, self.done)

    async def run(self, first: Batch | None) -> None:
        """Settle all; ``first`` is the first batch where it was read before.

        Raises ``Interrupted`` before a batch that is not to begin, and whatever settling raises. What is under way
        ends before that; with a cancellation it is given up.
        """
        try:
            while self._place < len(self._work):
                batch = first or await self._read()
                await self._may_begin()
                await self._begin(batch)
                self._place += 1
                await self._forget_settled()
                first = await self._go_on() if self._place == len(self._work) else None
            await self._all_but(0)
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            raise
        finally:
            if self._reading is not None:
                self._reading.cancel()
            await self._leave()

    async def _may_begin(self) -> None:
        """Return when the next batch may begin."""
        if self._place == 0:
            return
        if not may_overlap(*self._work[self._place - 1 : self._place + 1]):
            await self._all_but(0)
        if self._interrupt.is_set():
            raise Interrupted

    async def _begin(self, batch: Batch) -> None:
        """Begin with the next batch, and return when it is being written and the one before has ended."""
        writing = asyncio.Event()
        self._look_ahead(writing)
        present = asyncio.create_task(self._settled(self._work[self._place].subscription, batch, writing))
        self._running.append(present)
        await self._all_but(1)
        await writing.wait()
        if present.done():  # perhaps it failed: nothing else is to begin then
            await self._all_but(0)

    async def _settled(self, subscription: Subscription, batch: Batch, writing: asyncio.Event) -> None:
        try:
            await self._settle(subscription, batch, writing.set)
        finally:
            writing.set()

    async def _all_but(self, most: int) -> None:
        """Wait until no more than so many are under way."""
        while len(self._running) > most:
            await self._running[0]
            self._running.popleft()
            self.done += 1

    async def _leave(self) -> None:
        ended = await asyncio.gather(*self._running, return_exceptions=True)
        for result in ended:
            if result is not None:
                break
            self.done += 1
        self._running.clear()

    async def _forget_settled(self) -> None:
        """Have committed what the first of several polls brought, once all of it has had its effect."""
        count = self._polls[0]
        if len(self._polls) > 1 and self.done >= count:
            await self._commit(self.positions)
            del self._work[:count]
            self._polls.popleft()
            self._place -= count
            self.done -= count

    async def _go_on(self) -> Batch | None:
        """Take on what was polled ahead, so that its first batch does not wait for the end of the last one.

        Answers that batch where it was read.
        """
        polled = None if self._ahead is None or self._interrupt.is_set() else self._ahead.come()
        if self._ahead is None or polled is None or polled.generation != self._generation or not polled.work:
            return None
        if not may_overlap(self._work[-1], polled.work[0]):
            return None
        await self._ahead.polled()
        self._work += polled.work
        self._polls.append(len(polled.work))
        return await self._ahead.batch_of(polled)

    async def _read(self) -> Batch:
        reading, self._reading = self._reading, None
        if reading is None:
            return await self._work[self._place].read()
        try:
            return await reading
        finally:
            reading.cancel()

    def _look_ahead(self, writing: asyncio.Event) -> None:
        """Have what comes next polled while the next batch is written, and read while it waits for its first rows."""
        if self._ahead is not None and self._place == len(self._work) - self._polls[-1]:
            self._ahead.poll(None if self._work[self._place].subscription.reader is None else writing)
        if self._place + 1 < len(self._work):
            self._reading = asyncio.create_task(self._work[self._place + 1].read())
        elif self._ahead is not None:
            self._ahead.read()
