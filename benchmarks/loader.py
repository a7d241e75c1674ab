"""A load generator on raw keep-alive connections: it costs little, and never hides a failed answer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

MakeRequest = Callable[[], bytes]


@dataclass
class Loaded:
    """What came back."""

    answers: int = 0
    seconds: float = 0.0
    bad: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class _Connection(asyncio.Protocol):
    def __init__(self, make: MakeRequest, wanted: int, loaded: Loaded, stop: asyncio.Event) -> None:
        self._make = make
        self._wanted = wanted
        self._loaded = loaded
        self._stop = stop
        self._transport: asyncio.WriteTransport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own class is no subclass of it
        self._transport.write(self._make())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        self._loaded.answers += 1
        if status != self._wanted:
            self._loaded.bad.append(status)
        assert self._transport is not None
        if self._stop.is_set():
            self._transport.close()
        else:
            self._transport.write(self._make())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        if not self._stop.is_set():
            self._loaded.bad.append(0)
        if not self.done.done():
            self.done.set_result(None)


async def load(port: int, make: MakeRequest, *, seconds: float, connections: int = 32, wanted: int = 200) -> Loaded:
    """Ask again as soon as an answer is there, on every connection. Raises when an answer was not the wanted one."""
    loaded, stop = Loaded(), asyncio.Event()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    protocols = [
        (await loop.create_connection(lambda: _Connection(make, wanted, loaded, stop), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    loaded.seconds = time.perf_counter() - started
    counted = loaded.answers
    if not counted:
        raise RuntimeError("no answer came")
    stop.set()
    await asyncio.wait([protocol.done for protocol in protocols], timeout=5)
    if loaded.bad:
        raise RuntimeError(f"{len(loaded.bad)} of {loaded.answers} answers were {sorted(set(loaded.bad))}")
    loaded.answers = counted
    return loaded


def get(path: str, **headers: str) -> bytes:
    """A GET."""
    return _head("GET", path, headers) + b"\r\n"


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST of JSON."""
    given = {**headers, "content-type": "application/json", "content-length": str(len(body))}
    return _head("POST", path, given) + b"\r\n" + body


def _head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "".join(f"{line}\r\n" for line in lines).encode()
