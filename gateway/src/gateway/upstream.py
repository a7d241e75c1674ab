"""The services as the gateway reaches them: one port, two adapters (``upstream_http.py``, ``upstream_app.py``).

An upstream is an ASGI application, called with a scope whose headers are rewritten. Before its answer has started it
may raise ``ServiceAway`` or ``ServiceBusy``; an answer that breaks off in the middle raises, too, so that the caller's
connection is cut and a half answer never looks like a whole one.
"""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote

from starlette.types import Message, Receive, Scope, Send

from gateway.errors import ServiceAway, ServiceBusy
from gateway.headers import Headers

MAX_FETCHED: Final = 5 * 1_048_576
REPEATABLE: Final = "comeback.repeatable"
"""Scope key: the call may be sent again when the first try did not reach the service."""


class Upstream(Protocol):
    """One service."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

    async def open(self) -> None:
        """Before the first call."""

    async def close(self) -> None:
        """After the last call."""


class Bulkhead:
    """At most ``limit`` calls in flight, so that one slow service cannot take the whole gateway."""

    __slots__ = ("_limit", "in_flight")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    def __enter__(self) -> None:
        if self.in_flight >= self._limit:
            raise ServiceBusy
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1


class Missing:
    """The upstream of a service that was not configured."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # the port's
        raise ServiceAway(f"this gateway does not know where {self._service} is")

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Fetched:
    """A small answer, whole."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""


async def fetch(upstream: Upstream, path: str, *, query: str = "", headers: Headers) -> Fetched:
    """GET a path of a service and hold the whole answer. Raises what the upstream raises."""
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        REPEATABLE: True,
    }
    fetched = Fetched()
    parts: list[bytes] = []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        hung_up: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await hung_up  # never: the asker cancels

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            fetched.status, fetched.headers = message["status"], list(message.get("headers", ()))
            return
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > MAX_FETCHED:
            raise ServiceAway("the service's answer is too large")

    await upstream(scope, receive, send)
    fetched.body = b"".join(parts)
    return fetched
