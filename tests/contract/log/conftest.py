"""The adapters under test. Every test of this folder runs once per adapter, with topics and groups of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from comeback_kit.log import Entry, EventLog, TopicSpec, open_log


class LogFactory(Protocol):
    """Opens one more instance of the log under test, as another process would."""

    async def __call__(self) -> EventLog: ...


@pytest.fixture
async def open_another(either_log_url: str) -> AsyncIterator[LogFactory]:
    opened: list[EventLog] = []

    async def factory() -> EventLog:
        log = open_log(either_log_url)
        await log.start()
        opened.append(log)
        return log

    yield factory
    await asyncio.gather(*(log.stop() for log in opened))


@pytest.fixture
async def log(open_another: LogFactory) -> EventLog:
    """An open log with the topics ``orders`` and ``customers`` (4 partitions) and ``single`` (1)."""
    log = await open_another()
    specs = [TopicSpec("orders"), TopicSpec("customers"), TopicSpec("single", partitions=1)]
    assert await log.ensure_topics(specs, timeout=20.0)
    return log


def numbered(topic: str, count: int, *, keys: int = 7, start: int = 0) -> list[Entry]:
    """``count`` entries, each with its number as the value, over ``keys`` keys."""
    return [Entry(topic, f"k{number % keys}", str(number).encode()) for number in range(start, start + count)]
