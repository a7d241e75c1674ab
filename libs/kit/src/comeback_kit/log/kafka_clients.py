"""aiokafka's clients with an end that comes: their own ``stop`` waits for ever while the broker is away."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError, KafkaError

FAILURES = (KafkaError, ConsumerStoppedError, OSError, TimeoutError, AssertionError)
"""What aiokafka raises while a broker is away, restarting or rebalancing (its asserts on lost assignments included)."""


class Producer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """A producer that can be given up."""

    _closed: bool

    async def abort(self) -> None:
        """Drop what has not been acknowledged, fail its senders, and close: nothing of it is sent later."""
        if self._closed:
            return
        self._closed = True
        accumulator = self._message_accumulator
        batches = [*accumulator._pending_batches, *(each for queue in accumulator._batches.values() for each in queue)]  # noqa: SLF001
        accumulator.fail_all(KafkaConnectionError("the producer was given up"))
        for batch in batches:
            batch.future.exception()  # its senders may have gone; nobody is to warn that nobody looked
        await _end([self._sender.sender_task])
        await _within(1.0, self.client.close())


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """A consumer that can be given up."""

    _closed: bool

    async def end(self, timeout: float) -> None:
        """Leave the group and close; without good-bye after ``timeout`` seconds."""
        if not await _within(timeout, self.stop()):
            await self._abort()

    async def _abort(self) -> None:
        self._closed = True
        if self._coordinator is not None:
            names = ("coordination", "heartbeat", "commit_refresh")
            await _end(getattr(self._coordinator, f"_{name}_task", None) for name in names)
        if self._fetcher is not None:
            await _within(1.0, self._fetcher.close())
        await _within(1.0, self._client.close())


async def _within(seconds: float, call: Coroutine[Any, Any, Any]) -> bool:
    """Whether it ended well in time. In a task of its own: aiokafka lets the cancellation of its own tasks escape."""
    task = asyncio.create_task(call)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
        return False
    return not task.cancelled() and task.exception() is None


async def _end(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    alive = [task for task in tasks if task is not None and not task.done()]
    for task in alive:
        task.cancel()
    if alive:
        await asyncio.wait(alive, timeout=1.0)
