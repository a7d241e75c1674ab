"""The gateway in a process of its own, with a shop and its key, as the service's own commands make them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Process, running
from benchmarks.servers import Postgres
from comeback_kit.auth import generate_key_pair


@dataclass(frozen=True)
class Gateway:
    """A running gateway and the shop's key."""

    process: Process
    key: str

    @property
    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.key}"


@contextlib.asynccontextmanager
async def gateway(server: Postgres, path: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Gateway]:
    """On a database and a table log of its own."""
    settings = {
        "GATEWAY_DATABASE_URL": await server.database("gateway"),
        "GATEWAY_LOG_URL": await server.empty(),
        "GATEWAY_INTERNAL_PRIVATE_KEY": generate_key_pair().private,
        "GATEWAY_LOG_LEVEL": "warning",
        **(environment or {}),
    }
    await _command(settings, "shops", "create", "bench", "--currency", "EUR")
    key = await _command(settings, "keys", "create", "bench")
    async with running(path, "gateway", "gateway", "serve", environment=settings) as process:
        yield Gateway(process, key)


async def _command(settings: Mapping[str, str], *arguments: str) -> str:
    def run() -> str:
        command = [sys.executable, "-m", "gateway", *arguments]
        done = subprocess.run(
            command, env={**os.environ, **settings}, check=False, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    return await asyncio.to_thread(run)
