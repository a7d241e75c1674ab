"""Connections between two requests, kept beside asyncpg's pool: its taking and giving back cost a task and a timer.

A connection is kept only after a clean end, outside a transaction, and while nobody waits for one. Whatever else
happens to it (an exception, a cancelled call whose answer may still come) is the pool's affair, which knows how to
clean up. One of the pool's connections is never kept, so that those who ask the pool itself are not left waiting.
"""

from types import TracebackType
from typing import Any, Final

import asyncpg

_PATIENCE: Final = 10.0  # seconds to wait for a connection


class Parking:
    """The kept connections of one pool of ``size``."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", size: int) -> None:
        self.pool = pool
        self.most = size - 1
        self.kept: list[Any] = []
        self.waiting = 0

    def connection(self) -> "Lease":
        """``async with parking.connection() as connection``. Raises ``TimeoutError`` after ten seconds of waiting."""
        return Lease(self)

    async def close(self) -> None:
        """Give all kept connections back to the pool, and keep none from now on."""
        self.most = 0
        while self.kept:
            await self.pool.release(self.kept.pop())


class Lease:
    """One use of a connection."""

    __slots__ = ("_connection", "_parking")

    def __init__(self, parking: Parking) -> None:
        self._parking = parking
        self._connection: Any = None

    async def __aenter__(self) -> Any:
        parking = self._parking
        while parking.kept:
            connection = parking.kept.pop()
            if _is_alive(connection):
                self._connection = connection
                return connection
            await parking.pool.release(connection)
        parking.waiting += 1
        try:
            self._connection = await parking.pool.acquire(timeout=_PATIENCE)
        finally:
            parking.waiting -= 1
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        parking, connection = self._parking, self._connection
        if (
            kind is None
            and not parking.waiting
            and len(parking.kept) < parking.most
            and _is_alive(connection)
            and not connection.is_in_transaction()
        ):
            parking.kept.append(connection)
        else:
            await parking.pool.release(connection)


def _is_alive(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the server hung up, and the pool took the connection back by itself
        return False
