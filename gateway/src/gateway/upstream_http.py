"""A service behind HTTP: pooled connections, answers streamed as they come, every wait bounded."""

import asyncio
import logging
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from gateway import body
from gateway.errors import ServiceAway
from gateway.http_connection import BrokenOff, HttpConnection, NotReached
from gateway.http_pool import HttpPool
from gateway.upstream import MAX_FETCHED, REPEATABLE, Bulkhead

log = logging.getLogger(__name__)

_WATCH_AFTER: Final = 1.0
_PAUSE: Final = 0.02


class HttpUpstream:
    """``url`` is the base; the path of a call is added as it came, percent-encoding and all."""

    def __init__(self, url: str, *, limit: int = 256, timeout: float = 30.0) -> None:
        self._url = url
        self._timeout = timeout
        self._bulkhead = Bulkhead(limit)
        self._pool = HttpPool(url)

    async def open(self) -> None:
        """Connections are opened as they are needed."""

    async def close(self) -> None:
        """Close the pool."""
        self._pool.close()

    @property
    def open_connections(self) -> int:
        """Connections to the service now, idle ones included."""
        return self._pool.open_connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._bulkhead:
            content = await body.read(receive, MAX_FETCHED)
            head = self._head(scope)
            watch = _Watch(receive)
            try:
                await self._call(scope, head, content, send)
            except asyncio.CancelledError:
                if not watch.gone:
                    raise
                watch.forgive()
            finally:
                watch.stop()

    def _head(self, scope: Scope) -> bytes:
        query = scope["query_string"]
        parts = [scope["method"].encode(), b" ", self._pool.prefix, scope["raw_path"]]
        if query:
            parts += (b"?", query)
        parts += (b" HTTP/1.1\r\nhost: ", self._pool.authority, b"\r\n")
        for name, value in scope["headers"]:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    async def _call(self, scope: Scope, head: bytes, content: bytes, send: Send) -> None:
        bodiless = scope["method"] == "HEAD"
        for attempt in (1, 2):
            started = False
            connection: HttpConnection | None = None
            try:
                connection = await self._pool.acquire()
                await connection.exchange(head, content, bodiless=bodiless, timeout=self._timeout)
                started = True
                await self._pass_on(connection, send)
            except (NotReached, BrokenOff) as error:
                if started:
                    raise
                if attempt == 2 or isinstance(error, BrokenOff) or not scope.get(REPEATABLE):
                    log.warning("service does not answer", extra={"fields": {"url": self._url, "error": str(error)}})
                    raise ServiceAway from error
                await asyncio.sleep(_PAUSE)
            else:
                return
            finally:
                if connection is not None:
                    self._pool.release(connection)

    async def _pass_on(self, connection: HttpConnection, send: Send) -> None:
        await send({"type": "http.response.start", "status": connection.status, "headers": connection.headers})
        more = True
        while more:
            piece = await connection.chunk(self._timeout)
            more = not connection.drained
            await send({"type": "http.response.body", "body": piece, "more_body": more})


class _Watch:
    """Cancels a call whose caller has hung up. It begins after a second: most calls are done by then."""

    __slots__ = ("_caller", "_receive", "_task", "_timer", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._caller: asyncio.Task[Any] | None = asyncio.current_task()
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER, self._begin)
        self.gone = False

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._caller is not None:
            self._caller.cancel()

    def forgive(self) -> None:
        """The cancellation was ours, and has done its work."""
        if self._caller is not None:
            self._caller.uncancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None and not self.gone:
            self._task.cancel()
