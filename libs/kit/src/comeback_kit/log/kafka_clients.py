"""aiokafka's clients with an end that comes: their own ``stop`` waits for ever while the broker is away."""

import asyncio
import contextlib
from collections.abc import Iterable
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
        self._message_accumulator.fail_all(KafkaConnectionError("the producer was given up"))
        await _end([self._sender.sender_task])
        await _close(self.client)


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """A consumer that can be given up."""

    async def end(self, timeout: float) -> None:
        """Leave the group and close; without good-bye after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.stop()
        except FAILURES:
            await self._abort()

    async def _abort(self) -> None:
        self._closed = True
        if self._coordinator is not None:
            own = (
                getattr(self._coordinator, f"_{name}_task", None)
                for name in ("coordination", "heartbeat", "commit_refresh")
            )
            await _end(own)
        if self._fetcher is not None:
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(1.0):
                    await self._fetcher.close()
        await _close(self._client)


async def _end(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    alive = [task for task in tasks if task is not None and not task.done()]
    for task in alive:
        task.cancel()
    if alive:
        await asyncio.wait(alive, timeout=1.0)


async def _close(client: Any) -> None:
    with contextlib.suppress(*FAILURES):
        async with asyncio.timeout(1.0):
            await client.close()
