"""Processes under measurement: started from the same Python, ready, their CPU and memory read from outside."""

import asyncio
import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import psutil

from tests.support.comeback import free_port

_READY_SECONDS = 40.0


class Process:
    """One process that listens on a port. ``pids``: those whose CPU counts (default: the process alone)."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int, errors: Path) -> None:
        self.name = name
        self.port = port
        self.process = process
        self._errors = errors
        self.counted = [psutil.Process(process.pid)]

    def cpu(self) -> float:
        """CPU seconds so far."""
        return sum(one.cpu_times().user + one.cpu_times().system for one in self.counted)

    def rss(self) -> float:
        """Resident memory in MB."""
        return float(self.counted[0].memory_info().rss) / 1e6

    async def ready(self, path: str) -> None:
        """Wait until the path answers 200."""
        deadline = time.monotonic() + _READY_SECONDS
        while not await asyncio.to_thread(self._answers, path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self._errors.read_text()[-3000:]}")
            await asyncio.sleep(0.05)

    def end(self) -> None:
        """SIGTERM, and SIGKILL after a while."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.asynccontextmanager
async def running(
    path: Path, name: str, *arguments: str, environment: Mapping[str, str] | None = None, ready: str = "/readyz"
) -> AsyncIterator[Process]:
    """``python -m <arguments> --port <a free one>``, ready."""
    port = free_port()
    command = [sys.executable, "-m", *arguments, "--port", str(port)]
    async with started(path, name, command, port, environment=environment, ready=ready) as process:
        yield process


@contextlib.asynccontextmanager
async def started(
    path: Path,
    name: str,
    command: Sequence[str],
    port: int,
    *,
    environment: Mapping[str, str] | None = None,
    ready: str = "/readyz",
) -> AsyncIterator[Process]:
    """A command that listens on the port, ready."""
    errors = path / f"{name}-{port}.err"
    process = Process(name, _spawn(command, environment or {}, errors), port, errors)
    try:
        await process.ready(ready)
        yield process
    finally:
        await asyncio.to_thread(process.end)


def _spawn(command: Sequence[str], environment: Mapping[str, str], errors: Path) -> "subprocess.Popen[bytes]":
    with errors.open("wb") as stream:
        return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=stream)
