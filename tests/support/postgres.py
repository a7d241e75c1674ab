"""One PostgreSQL of the wheel per test process; a migrated template per service, a fresh database per test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from allinone.postgres import EmbeddedPostgres
from comeback_kit import migrate
from comeback_kit.db import role_name, with_database
from tests.support.scratch import scratch

_counter = itertools.count()
# The tests that need durability (crashes, benchmarks) start a server of their own.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


class TestServer:
    """The server of this test process, with its templates."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedPostgres(folder, settings=FAST)
        self.url = self.server.start()
        self._templates: set[str] = set()

    def stop(self) -> None:
        self.server.stop()

    async def fresh(self, service: str, package: str | None = None) -> str:
        """The URL of a new, migrated database of a service."""
        template = f"template_{service}"
        if service not in self._templates:
            url = await migrate.prepare(self.url, template, service)
            await migrate.upgrade(url, service, package or service)
            self._templates.add(service)
        return await self.empty(template=template, owner=role_name(service, "owner"))

    async def empty(self, template: str | None = None, owner: str | None = None) -> str:
        """The URL of a new database, without a schema unless a template is named; as ``prepare`` makes it for an owner,
        who may migrate it on."""
        name = f"test_{os.getpid()}_{next(_counter)}"
        connection = await asyncpg.connect(self.url)
        try:
            suffix = f' template "{template}"' if template else ""
            suffix += f' owner "{owner}"' if owner else ""
            # Copying files is twice as fast as the default here, where nothing is fsynced.
            await connection.execute(f'create database "{name}"{suffix} strategy file_copy')
        finally:
            await connection.close()
        return with_database(self.url, name)

    async def drop(self, url: str) -> None:
        """Remove a database that ``fresh`` or ``empty`` made, whoever is still connected."""
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f'drop database if exists "{name}" with (force)')
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """The server of this test process."""
    with scratch("test") as folder:
        server = TestServer(folder / "pg")
        try:
            yield server
        finally:
            server.stop()
