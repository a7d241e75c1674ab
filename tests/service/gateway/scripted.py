"""A raw HTTP/1.1 server on loopback that answers as a test scripts it, byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message

from gateway.upstream import REPEATABLE, Upstream

Script = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """What the server read."""

    head: bytes
    body: bytes
    number: int

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()


@dataclass
class Server:
    """The running server."""

    port: int = 0
    connections: int = 0
    open_now: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(body: bytes = b"ok", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


async def plain(_: Request, writer: asyncio.StreamWriter) -> None:
    """The script of a well-behaved server."""
    writer.write(answer())


@contextlib.asynccontextmanager
async def server(script: Script = plain, port: int = 0) -> AsyncIterator[Server]:
    """Serve; each request of a connection is handed to the script, which writes the answer (or does not)."""
    state = Server()
    writers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        state.open_now += 1
        writers[writer] = asyncio.current_task()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                request = Request(head, await reader.readexactly(length), len(state.requests))
                state.requests.append(request)
                await script(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            state.open_now -= 1
            writers.pop(writer, None)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", port)
    state.port = listening.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        listening.close()
        tasks = [task for task in writers.values() if task is not None]
        for writer in list(writers):
            writer.transport.abort()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@dataclass
class Seen:
    """What the caller got."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


async def call(
    upstream: Upstream,
    path: str = "/v1/x",
    method: str = "GET",
    body: bytes = b"",
    *,
    repeatable: bool | None = None,
    query: str = "",
    seen: Seen | None = None,
    hang_up: asyncio.Event | None = None,
    on_chunk: Callable[[bytes], Awaitable[None]] | None = None,
) -> Seen:
    """One call of an upstream, as the gateway's front makes it."""
    seen = seen or Seen()
    given = [body]

    async def receive() -> Message:
        if given:
            return {"type": "http.request", "body": given.pop(), "more_body": False}
        await (hang_up or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status, seen.headers = message["status"], list(message["headers"])
            return
        if message.get("body"):
            seen.chunks.append(message["body"])
            if on_chunk is not None:
                await on_chunk(message["body"])
        seen.ended = not message.get("more_body", False)

    headers = [(b"content-length", str(len(body)).encode())] if body or method == "POST" else []
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        REPEATABLE: method == "GET" if repeatable is None else repeatable,
    }
    await upstream(scope, receive, send)
    return seen
