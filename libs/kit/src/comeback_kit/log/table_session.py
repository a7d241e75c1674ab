"""The table log's connections: one long-lived session (leases, notifications) and a few for reading.

The session reconnects for ever. While it is away, whatever needs it gets ``LogUnavailable``.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg

from comeback_kit.log.port import LogUnavailable
from comeback_kit.log.table_schema import CHANNEL, GROUPS_CHANNEL, become_owner, create_schema

logger = logging.getLogger(__name__)

AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What asyncpg raises while a server is away, starting, stopping or refusing. (No data can provoke them here.)"""

_CALL_SECONDS = 10.0
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

Listener = Callable[[str, str], None]
OnConnect = Callable[[Any], Awaitable[None]]


async def connect(url: str, purpose: str) -> Any:
    """A connection of the log; raises one of ``AWAY``."""
    settings = {"application_name": f"comeback-log-{purpose}", "jit": "off", "statement_timeout": "30000"}
    connection = await asyncpg.connect(url, server_settings=settings, timeout=5.0, command_timeout=_CALL_SECONDS)
    await become_owner(connection)
    return connection


class TableSession:
    """Owns the connections. ``epoch`` rises with every new session: leases of an older one are gone."""

    def __init__(self, url: str, *, readers: int, on_connect: OnConnect, listener: Listener) -> None:
        self._url = url
        self._readers = readers
        self._on_connect = on_connect
        self._listener = listener
        self._connection: Any = None
        self._lock = asyncio.Lock()
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._pool: Any = None
        self._task: asyncio.Task[None] | None = None
        self.epoch = 0

    async def start(self, wait: float) -> None:
        """Begin connecting, and wait for at most ``wait`` seconds for it."""
        self._task = asyncio.create_task(self._stay_connected(), name="table-log-session")
        with contextlib.suppress(LogUnavailable):
            await self.ready(wait)

    async def stop(self, timeout: float) -> None:
        """Close every connection, by force after ``timeout`` seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._pool is not None:
            try:
                async with asyncio.timeout(timeout):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    async def ready(self, timeout: float) -> None:
        """Return when the session is up; ``LogUnavailable`` after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._up.wait()
        except TimeoutError:
            raise LogUnavailable("the log's database does not answer") from None

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """The session's own connection, one user at a time."""
        async with self._lock:
            if self._connection is None or not self._up.is_set():
                raise LogUnavailable("the log's database does not answer")
            try:
                yield self._connection
            except AWAY as error:
                self._lost.set()
                raise LogUnavailable(f"{type(error).__name__}: {error}") from error
            except AttributeError as error:  # asyncpg's, on a connection that was terminated under the call
                if self._connection is not None and not self._connection.is_closed():
                    raise
                raise LogUnavailable("the session was closed") from error

    @contextlib.asynccontextmanager
    async def reader(self, timeout: float = 5.0) -> AsyncIterator[Any]:
        """A connection for a short statement."""
        await self.ready(timeout)
        try:
            async with self._pool.acquire(timeout=timeout) as connection:
                yield connection
        except AWAY as error:
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                await self._open()
                failures = 0
                await self._lost.wait()
                logger.warning("the log's database session was lost")
            except AWAY as error:
                logger.warning("the log's database does not answer: %s", type(error).__name__)
            finally:
                await self._close()
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    async def _open(self) -> None:
        self._lost.clear()
        self._connection = connection = await connect(self._url, "session")
        connection.add_termination_listener(lambda _: self._lost.set())
        await create_schema(connection)
        await self._on_connect(connection)
        await connection.add_listener(CHANNEL, self._notified)
        await connection.add_listener(GROUPS_CHANNEL, self._notified)
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._readers,
                command_timeout=_CALL_SECONDS,
                timeout=5.0,
                init=become_owner,
                reset=_keep,
                server_settings={"application_name": "comeback-log-reader", "jit": "off"},
            )
        self.epoch += 1
        self._up.set()

    async def _close(self) -> None:
        self._up.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
        self.epoch += 1
        self._listener(GROUPS_CHANNEL, "")

    def _notified(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        self._listener(channel, str(payload))


async def _keep(_connection: Any) -> None:
    # No statement of ours leaves anything behind; asyncpg's own reset would cost a round trip and drop the role.
    return
