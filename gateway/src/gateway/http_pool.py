"""Kept-alive connections to one service. How many are open at once is the bulkhead's business, not this pool's."""

import asyncio
import ssl
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from gateway.http_connection import HttpConnection, NotReached

# uvicorn closes an idle connection after 5 s; ours must go first, or a POST meets a socket that is just being closed.
_IDLE: Final = 4.0
_CONNECT: Final = 2.0


class HttpPool:
    """Connections to ``url``'s host."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError(f"{url} names no host")
        self._host = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._idle: deque[HttpConnection] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self.authority = parts.netloc.rpartition("@")[2].encode("idna" if not parts.netloc.isascii() else "ascii")
        self.prefix = parts.path.rstrip("/").encode()
        self.open_connections = 0

    async def acquire(self) -> HttpConnection:
        """A connection for one exchange. Raises ``NotReached``."""
        loop = asyncio.get_running_loop()
        freshest = loop.time() - _IDLE
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since > freshest:
                return connection
            self._drop(connection)
        try:
            async with asyncio.timeout(_CONNECT):
                _, connection = await loop.create_connection(
                    lambda: HttpConnection(loop), self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise NotReached(f"{self._host}:{self._port}: {error or 'no connection in time'}") from error
        self.open_connections += 1
        return connection

    def release(self, connection: HttpConnection) -> None:
        """Give a connection back, whatever became of its exchange."""
        if self._closed or not connection.reusable:
            self._drop(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_IDLE, self._sweep, loop)

    def close(self) -> None:
        """Close the idle ones now and the others when they come back."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._idle:
            self._drop(self._idle.pop())

    def _drop(self, connection: HttpConnection) -> None:
        self.open_connections -= 1
        connection.close()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = loop.time() - _IDLE
        while self._idle and self._idle[0].idle_since <= oldest:
            self._drop(self._idle.popleft())
        self._sweeper = loop.call_later(_IDLE, self._sweep, loop) if self._idle else None
