"""What one poll brought is settled batch by batch; one batch begins while the one before is still being written.

Two batches are under way at a time where both are of one topic and in different lanes, so that neither waits for rows
of the other: the second begins when the first says that only writing is left (``Context.writing``). Otherwise it is
only read then, and begins when the first has ended.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from comeback_kit.ahead import Ahead, Polled
from comeback_kit.batching import Part, may_overlap
from comeback_kit.delivery import Batch
from comeback_kit.settling import Interrupted, Subscription

Settle = Callable[[Subscription, Batch, Callable[[], None]], Awaitable[None]]
"""``Settler.settle``"""


class Turn:
    """The batches of one poll. ``done``: how many of them, from the first on without a gap, have had their effect."""

    def __init__(self, polled: Polled, settle: Settle, interrupt: asyncio.Event, ahead: Ahead | None) -> None:
        self.done = 0
        self._work = polled.work
        self._settle = settle
        self._interrupt = interrupt
        self._ahead = ahead
        self._running: deque[asyncio.Task[None]] = deque()
        self._reading: asyncio.Task[Batch] | None = None

    async def run(self, first: Batch | None) -> None:
        """Settle all; ``first`` is the first batch where it was read before.

        Raises ``Interrupted`` before a batch that is not to begin, and whatever settling raises. What is under way
        ends before that; with a cancellation it is given up.
        """
        try:
            for place in range(len(self._work)):
                batch = await self._read(place, first)
                if place and not may_overlap(self._work, place):
                    await self._all_but(0)
                if place and self._interrupt.is_set():
                    raise Interrupted
                await self._begin(place, batch)
            await self._all_but(0)
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            raise
        finally:
            if self._reading is not None:
                self._reading.cancel()
            await self._leave()

    async def _begin(self, place: int, batch: Batch) -> None:
        """Begin with a batch, and return when it is being written and the one before has ended."""
        writing = asyncio.Event()
        self._look_ahead(place, writing)
        present = asyncio.create_task(self._settled(self._work[place].subscription, batch, writing))
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

    async def _read(self, place: int, first: Batch | None) -> Batch:
        if place and self._reading is not None:
            return await self._reading
        return first or await self._work[place].read()

    def _look_ahead(self, place: int, writing: asyncio.Event) -> None:
        """Have what comes next polled and read while this batch is written."""
        if self._ahead is not None and place == 0:
            self._ahead.poll(_moment(self._work[0], writing))
        if place + 1 < len(self._work):
            following = self._work[place + 1]
            self._reading = asyncio.create_task(following.read(None))
        elif self._ahead is not None:
            now = asyncio.Event()
            now.set()
            self._ahead.read(now)


def _moment(part: Part, writing: asyncio.Event) -> asyncio.Event | None:
    # Without a reader nothing says when PostgreSQL has the work, and there is little to do: at once.
    return None if part.subscription.reader is None else writing
