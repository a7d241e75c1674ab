"""The servers that are measured with: PostgreSQL of the wheel, durable as ``make run`` has it, and its pgbench."""

import asyncio
import contextlib
import itertools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from allinone.postgres import EmbeddedPostgres
from comeback_kit import migrate
from comeback_kit.db import with_database
from tests.support.kafka import KafkaBroker, running_broker

__all__ = ["KafkaBroker", "Postgres", "folder", "postgres", "running_broker"]

_numbers = itertools.count(1)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away with the block."""
    path = Path(tempfile.mkdtemp(prefix="comeback-bench-"))
    path.chmod(0o755)  # PostgreSQL runs as another user when the benchmarks run as root
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Postgres:
    """One server with the settings of ``make run``, or others."""

    def __init__(self, path: Path, settings: dict[str, str] | None = None) -> None:
        self._server = EmbeddedPostgres(path, settings=settings)
        self.url = self._server.start()
        self._has_tpcb = False

    async def database(self, service: str) -> str:
        """The URL of a new, migrated database of a service."""
        url = await migrate.prepare(self.url, f"bench_{next(_numbers)}", service)
        await migrate.upgrade(url, service, service)
        return url

    async def empty(self) -> str:
        """The URL of a new database without a schema."""
        name = f"bench_{next(_numbers)}"
        await self.run(f'create database "{name}"')
        return with_database(self.url, name)

    async def drop(self, url: str) -> None:
        """Remove a database that was measured, so that nothing cleans it up while others are."""
        await self.run(f'drop database "{urlsplit(url).path[1:]}" with (force)')

    async def run(self, statement: str, url: str | None = None) -> None:
        """One statement as the superuser, in the server's own database or another."""
        connection = await asyncpg.connect(url or self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def tpcb(self, seconds: int) -> float:
        """Transactions a second of pgbench's TPC-B: scale 10, 8 clients."""
        url = with_database(self.url, "tpcb")
        if not self._has_tpcb:
            await self.run("create database tpcb")
            await asyncio.to_thread(self._pgbench, "-i", "-q", "-s", "10", url)
            self._has_tpcb = True
        await self.run("checkpoint")
        text = await asyncio.to_thread(self._pgbench, "-n", "-c", "8", "-j", "2", "-T", str(seconds), url)
        found = re.search(r"^tps = ([0-9.]+)", text, re.MULTILINE)
        assert found, text
        await self.run("vacuum analyze", url)  # else autovacuum does it while others are measured
        return float(found[1])

    def cpu(self) -> float:
        """CPU seconds of the server, its finished sessions included."""
        pid = self._server.pid()
        assert pid is not None
        postmaster = psutil.Process(pid)
        times = [postmaster.cpu_times()]
        for child in postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times.append(child.cpu_times())
        return sum(one.user + one.system for one in times) + times[0].children_user + times[0].children_system

    def stop(self) -> None:
        """Fast and clean."""
        self._server.stop()

    def _pgbench(self, *arguments: str) -> str:
        program = self._server.program("pgbench")
        return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


@contextlib.contextmanager
def postgres(settings: dict[str, str] | None = None) -> Iterator[Postgres]:
    """A server of one's own, removed at the end."""
    with folder() as path:
        server = Postgres(path / "pg", settings)
        try:
            yield server
        finally:
            server.stop()
