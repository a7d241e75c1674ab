"""Connections between two requests, kept beside asyncpg's pool: its taking and giving back cost a task and a timer.

A connection is kept, or passed on to who has waited longest, only after a clean end and outside a transaction.
Whatever else happens to it (an exception, a cancelled call whose answer may still come) is the pool's affair, which
knows how to clean up. One of the pool's connections is never kept, so that who asks the pool itself finds one in a
quiet moment; while requests wait, there is none, so whatever runs beside them asks here.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final

import asyncpg

_PATIENCE: Final = 10.0  # seconds to wait for a connection


class Parking:
    """The kept connections of one pool of ``size``, and who waits for one."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", size: int) -> None:
        self.pool = pool
        self.kept: list[Any] = []
        self._most = size - 1
        self._free = size  # of the pool's connections those that are not ours, to use or to keep
        self._waiting: deque[asyncio.Future[Any]] = deque()

    def connection(self) -> "Lease":
        """``async with parking.connection() as connection``. Raises ``TimeoutError`` after ten seconds of waiting
        for a turn, or for the pool where the turn is to take one from there.
        """
        return Lease(self)

    async def take(self) -> Any:
        """A kept connection, one of the pool's, or the next that somebody gives back."""
        while self.kept:
            connection = self.kept.pop()
            if _is_alive(connection):
                return connection
            await self.discard(connection)
        connection = None
        if self._free:
            self._free -= 1
        else:
            connection = await self._turn()
        if connection is None:
            try:
                connection = await self.pool.acquire(timeout=_PATIENCE)
            except BaseException:
                self._leave()
                raise
        return connection

    async def give(self, connection: Any) -> None:
        """Take back a connection that is as it was."""
        if _is_alive(connection) and not connection.is_in_transaction():
            if self._pass_on(connection):
                return
            if len(self.kept) < self._most:
                self.kept.append(connection)
                return
        await self.discard(connection)

    async def discard(self, connection: Any) -> None:
        """Let the pool have a connection, to clean it up or to replace it."""
        try:
            await self.pool.release(connection)
        finally:
            self._leave()

    async def close(self) -> None:
        """Give all kept connections back to the pool, and keep none from now on."""
        self._most = 0
        while self.kept:
            await self.discard(self.kept.pop())

    async def _turn(self) -> Any:
        """Wait for a connection; None stands for leave to take one from the pool."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(waiter)
        end = loop.call_later(_PATIENCE, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # it came in the same moment
                await self._back(waiter.result())
            raise
        finally:
            end.cancel()

    async def _back(self, connection: Any) -> None:
        if connection is None:
            self._leave()
        else:
            await self.give(connection)

    def _leave(self) -> None:
        """One of ours is the pool's again; who waits may take it from there."""
        if not self._pass_on(None):
            self._free += 1

    def _pass_on(self, connection: Any) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False


class Lease:
    """One use of a connection."""

    __slots__ = ("_connection", "_parking")

    def __init__(self, parking: Parking) -> None:
        self._parking = parking
        self._connection: Any = None

    async def __aenter__(self) -> Any:
        connection = self._connection = await self._parking.take()
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            await self._parking.give(self._connection)
        else:
            await self._parking.discard(self._connection)


def _give_up(waiter: "asyncio.Future[Any]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError(f"no connection to the database was free for {_PATIENCE:.0f} seconds"))


def _is_alive(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the server hung up, and the pool took the connection back by itself
        return False
