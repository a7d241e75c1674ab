"""One HTTP/1.1 connection to a service, on httptools' parser: one exchange at a time, bodies as they come.

Measured against aiohttp's client for the gateway's use (nothing but pass on), it costs half of the CPU; see ADR on the
proxy. Whatever ends an exchange before its last byte (a cancellation, a time-out, a broken answer) closes the
connection, so that the pool never gets a dirty one back.
"""

import asyncio
from typing import Final, cast

import httptools

from gateway.headers import Headers

_HIGH_WATER: Final = 262_144
_MOST_HEADER_BYTES: Final = 65_536


class NotReached(Exception):
    """The connection ended before the first byte of the answer."""


class BrokenOff(Exception):
    """The answer broke off in its middle, is malformed, or stood still for too long."""


class HttpConnection(asyncio.Protocol):
    """``exchange`` sends a request and waits for the answer's head; ``chunk`` gives the body piece by piece."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._last_byte = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._bodiless = False
        self._headed = self._sized = False
        self._header_bytes = 0
        self.status = 0
        self.headers: Headers = []
        self.complete = True
        self.keep_alive = True
        self.idle_since = 0.0

    async def exchange(self, head: bytes, content: bytes, *, bodiless: bool, timeout: float) -> None:
        """Send one request; return when ``status`` and ``headers`` are those of its answer.

        ``bodiless``: the answer has no body whatever its headers say (HEAD). Raises ``NotReached`` or ``BrokenOff``.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise NotReached("the connection is closed")
        self._parser = httptools.HttpResponseParser(self)
        self.headers = []
        self.complete = self._headed = self._sized = False
        self._header_bytes = 0
        self._bodiless = bodiless
        self._arm(timeout)
        try:
            transport.write(head + content if len(content) < 65_536 else head)
            if len(content) >= 65_536:
                transport.write(content)
            while not self._headed:
                await self._more()
        finally:
            self._disarm()

    async def chunk(self, timeout: float) -> bytes:
        """The next piece of the body, empty at its end. Raises ``BrokenOff``."""
        if not self._chunks and not self.complete:
            self._arm(timeout)
            try:
                while not self._chunks and not self.complete:
                    await self._more()
            finally:
                self._disarm()
        piece = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    @property
    def drained(self) -> bool:
        """Whether the whole answer has been handed out."""
        return self.complete and not self._chunks

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on it: never while bytes of an answer are left that nobody took."""
        return self.drained and self.keep_alive and self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Cut it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None and not self._chunks:
            raise self._failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arm(self, timeout: float) -> None:
        # Armed only while somebody waits: a slow reader of ours is not the service's silence.
        self._last_byte = self._loop.time()
        self._timer = self._loop.call_later(timeout, self._expire, timeout)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, timeout: float) -> None:
        quiet = self._loop.time() - self._last_byte
        if quiet < timeout:
            self._timer = self._loop.call_later(timeout - quiet, self._expire, timeout)
        elif not self.complete:
            self._fail(BrokenOff(f"silent for {timeout:g} s"))

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        self._wake()
        self.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of its class

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.complete:
            self.close()  # nobody asked
            return
        self._last_byte = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keep_alive = False
            if not self.complete:
                self._fail(BrokenOff(f"malformed answer: {error}"))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.keep_alive = False
        if self.complete:
            return
        if self._headed and not self._sized and exc is None and self._failure is None:
            self.complete = True  # a body without a length ends with the connection
            self._wake()
        elif self._headed:
            self._fail(BrokenOff("the connection was lost in the middle of the answer"))
        else:
            self._fail(NotReached("the connection was lost before the answer"))

    # httptools' callbacks

    def on_message_begin(self) -> None:
        if self._headed:
            self.keep_alive = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headed:
            return  # trailers are not passed on
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise BrokenOff("too many headers")
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None  # noqa: S101  # it is calling
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
            return
        self.status = status
        self._sized = any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        self._headed = True
        if self._bodiless:
            # The parser would wait for the body that Content-Length promises; so this connection is not used again.
            self.complete = True
            self.keep_alive = False

    def on_body(self, data: bytes) -> None:
        if self.complete:
            return  # of a HEAD's answer, or of one that nobody asked for
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._headed and not self.complete:
            assert self._parser is not None  # noqa: S101  # it is calling
            self.keep_alive = self._parser.should_keep_alive()
            self.complete = True
