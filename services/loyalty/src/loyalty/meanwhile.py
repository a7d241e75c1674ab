"""Doing our own work while PostgreSQL does its: a consumer and its server have a core each, and need not take turns."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


async def meanwhile(statements: Coroutine[Any, Any, T], work: Iterator[None]) -> T:
    """The result of the statements. Until it is there, work is done piece by piece; what is left of it stays undone."""
    running = asyncio.create_task(statements)
    await asyncio.sleep(0)  # the statement leaves
    try:
        for _ in work:
            await asyncio.sleep(0)
            if running.done():
                break
    except BaseException:
        await asyncio.wait([running])
        raise
    return await running


def exhaust(work: Iterator[None]) -> None:
    """Do what is left of some work."""
    deque(work, maxlen=0)
