"""Serving one ASGI app until a signal, with signals in our hands.

uvicorn raises the signal again after ``serve()``, so that nothing after it would run and the exit code would be 143.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

DRAIN_SECONDS = 4


class PortTaken(RuntimeError):
    """Another program listens there."""


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, bound before anything else starts. Raises ``PortTaken``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}); set COMEBACK_PORT to a free port"
        ) from None
    return listening


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, listening: socket.socket, stop: asyncio.Event, started: Callable[[], None]) -> None:
    """Serve until ``stop`` is set; requests in flight get ``DRAIN_SECONDS`` to finish."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=30,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has a flag, no event
        await asyncio.sleep(0.01)
    if not serving.done():
        started()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    server.should_exit = True
    await serving


def on_signals(stop: asyncio.Event) -> None:
    """Ctrl-C and SIGTERM set ``stop``; a second one is not needed and changes nothing."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
