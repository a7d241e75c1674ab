"""Doing our own work while PostgreSQL does its: a consumer and its server have a core each, and need not take turns."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
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


class Chain:
    """Work that is done one piece after the other, in the background, while its maker goes on."""

    def __init__(self) -> None:
        self._last: asyncio.Task[None] | None = None

    def add(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this after everything that was added before; not at all where that fails."""
        self._last = asyncio.create_task(_after(self._last, work))

    async def done(self) -> None:
        """Return when all is done. Raises what the first piece that failed raised."""
        if self._last is not None:
            await self._last


async def _after(before: asyncio.Task[None] | None, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if before is not None:
        await before
    await work()
