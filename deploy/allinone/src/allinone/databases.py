"""A database per service, and one for the table log, on the wheel's PostgreSQL or on a server that is given."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from allinone.data_dir import DataDir
from allinone.postgres import EmbeddedPostgres
from allinone.settings import Settings
from comeback_kit import migrate
from comeback_kit.db import with_database

SERVICES = ("gateway", "loyalty", "feedback", "notifications", "recommendations")
LOG_DATABASE = "comeback_log"
OLDEST_SERVER = 150_000


class ServerTooOld(RuntimeError):
    """The given PostgreSQL server is older than 15."""


@contextlib.asynccontextmanager
async def server(settings: Settings, data_dir: DataDir) -> AsyncIterator[str]:
    """The URL of a PostgreSQL server: the given one, or the embedded one, started (or adopted) and stopped here."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    embedded = EmbeddedPostgres(data_dir.postgres)
    try:
        yield embedded.start()
    finally:
        embedded.stop(timeout=2.0)


async def prepare(url: str) -> dict[str, str]:
    """Make what is missing and migrate; answer the URL of each service's database, and of the log's under ``log``."""
    await _check_version(url)
    urls: dict[str, str] = {}
    for service in SERVICES:
        urls[service] = await migrate.prepare(url, f"comeback_{service}", service)
        await migrate.upgrade(urls[service], service, service)
    await _ensure_database(url, LOG_DATABASE)
    urls["log"] = with_database(url, LOG_DATABASE)
    return urls


async def _check_version(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        version = int(await connection.fetchval("select current_setting('server_version_num')"))
    finally:
        await connection.close()
    if version < OLDEST_SERVER:
        raise ServerTooOld(f"Comeback needs PostgreSQL 15 or later; this server is {version // 10_000}")


async def _ensure_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                await connection.execute(f'create database "{name}"')
    except asyncpg.InsufficientPrivilegeError as error:
        raise migrate.CannotPrepare(f'create database "{name}" once as an administrator') from error
    finally:
        await connection.close()
