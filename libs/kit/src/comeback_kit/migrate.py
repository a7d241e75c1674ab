"""Schema and roles of a service's database, by alembic with plain SQL.

``prepare`` makes the database and its three roles where the given login may, ``upgrade`` runs the migrations as the
owner role, ``protect`` gives a table its row-level security; ``head`` and ``current`` tell a
replica whether it may serve.
"""

import asyncio
import contextlib
import importlib.resources
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from comeback_kit import schema
from comeback_kit.db import RoleMissing, role_name, with_database

_LOCK = 7_261_503_001  # any number, the same everywhere: one migration at a time in a database


class Op(Protocol):
    """The part of alembic's ``op`` that migrations use."""

    def execute(self, sqltext: Any) -> Any: ...

    def get_context(self) -> Any: ...


class CannotPrepare(RuntimeError):
    """The login may not create what is missing; the message holds the SQL that an administrator runs once."""


def kit_tables(op: Op) -> None:
    """The tables of the kit itself; the first migration of every service calls it first."""
    for statement in schema.STATEMENTS:
        op.execute(statement)
    for table in schema.SHOP_TABLES:
        protect(op, table)
    for table in schema.SHARED_TABLES:
        op.execute(f"grant select, insert, update, delete on {table} to {_both(_service(op))}")


def protect(op: Op, table: str) -> None:
    """Row-level security for a table with ``shop_id``: ``api`` sees the request's shop, ``worker`` all of them."""
    service = _service(op)
    api, worker = role_name(service, "api"), role_name(service, "worker")
    shop = "shop_id = nullif(current_setting('app.shop_id', true), '')"
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy {table}_api on {table} to {api} using ({shop}) with check ({shop})")
    op.execute(f"create policy {table}_worker on {table} to {worker} using (true) with check (true)")
    op.execute(f"grant select, insert, update, delete on {table} to {_both(service)}")
    op.execute(f"grant usage on all sequences in schema public to {_both(service)}")


def _service(op: Op) -> str:
    config = op.get_context().config
    name = None if config is None else config.get_main_option("comeback.service")
    if name is None:
        raise RuntimeError("run migrations through comeback_kit.migrate.upgrade")
    return str(name)


def run_env() -> None:
    """The whole body of a service's ``migrations/env.py``."""
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise RuntimeError("run migrations through comeback_kit.migrate.upgrade")
    asyncio.run(_run(url, role_name(str(context.config.get_main_option("comeback.service")), "owner")))


async def _run(url: str, owner: str) -> None:
    _, rest = url.split("://", 1)
    engine = create_async_engine(
        f"postgresql+asyncpg://{rest}", poolclass=NullPool, connect_args={"server_settings": {"role": owner}}
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


def _migrate(connection: SyncConnection) -> None:
    # The session's lock lasts over all; tables are locked for as long as the one migration takes that changes them.
    connection.exec_driver_sql(f"select pg_advisory_lock({_LOCK})")
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def head(package: str) -> str | None:
    """The newest revision that the code ships."""
    return ScriptDirectory.from_config(_config(package)).get_current_head()


async def current(connection: Any) -> str | None:
    """The revision that the database is at, or None before the first migration."""
    with contextlib.suppress(asyncpg.UndefinedTableError):
        revision = await connection.fetchval("select version_num from alembic_version")
        return None if revision is None else str(revision)
    return None


async def upgrade(url: str, service: str, package: str) -> None:
    """Bring the database at ``url`` to the newest revision. Safe to run from many processes at once."""
    if await _is_current(url, service, package):
        return
    config = _config(package)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.set_main_option("comeback.service", service)
    await asyncio.to_thread(command.upgrade, config, "head")
    connection = await asyncpg.connect(url, server_settings={"role": role_name(service, "owner")})
    try:
        await connection.execute(f"grant select on alembic_version to {_both(service)}")
    finally:
        await connection.close()


async def _is_current(url: str, service: str, package: str) -> bool:
    # Alembic takes most of a second; a restart on a migrated database need not wait for it.
    connection = await asyncpg.connect(url, server_settings={"role": role_name(service, "owner")})
    try:
        return await current(connection) == head(package)
    finally:
        await connection.close()


def _both(service: str) -> str:
    return f"{role_name(service, 'api')}, {role_name(service, 'worker')}"


async def prepare(admin_url: str, database: str, service: str) -> str:
    """Make the database and the service's roles where they are missing; answer the database's URL.

    Raises ``CannotPrepare`` with the SQL to run when the login may not.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        login = str(await connection.fetchval("select current_user"))
        statements = await _missing(connection, database, service, login)
        for statement in statements:
            with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.DuplicateDatabaseError):
                await _execute(connection, statement, statements)
    finally:
        await connection.close()
    url = with_database(admin_url, database)
    await _open_schema(url, service)
    return url


async def _execute(connection: Any, statement: str, statements: Sequence[str]) -> None:
    try:
        await connection.execute(statement)
    except asyncpg.UniqueViolationError:
        return  # another process made the same role in the same moment
    except asyncpg.InsufficientPrivilegeError as error:
        todo = ";\n".join(statements)
        raise CannotPrepare(
            f"this database login may not create roles or databases; run once as an administrator:\n{todo};"
        ) from error


async def _missing(connection: Any, database: str, service: str, login: str) -> list[str]:
    names = [role_name(service, role) for role in ("owner", "api", "worker")]
    have = {
        row["rolname"]
        for row in await connection.fetch("select rolname from pg_roles where rolname like 'comeback\\_%'")
    }
    member = {
        row["rolname"]
        for row in await connection.fetch(
            """select r.rolname from pg_roles r
               where r.rolname like 'comeback\\_%' and pg_has_role(current_user, r.oid, 'member')"""
        )
    }
    quoted = '"' + login.replace('"', '""') + '"'
    statements = [f"create role {name} nologin nosuperuser nobypassrls" for name in names if name not in have]
    statements += [f"grant {name} to {quoted}" for name in names if name not in member]
    if not await connection.fetchval("select true from pg_database where datname = $1", database):
        statements.append(f'create database "{database}" owner {names[0]}')
    return statements


async def _open_schema(url: str, service: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        owner = role_name(service, "owner")
        ready = await connection.fetchval("select has_schema_privilege($1, 'public', 'create')", owner)
        if not ready:
            await connection.execute(f"grant create on schema public to {owner}")
        usable = await connection.fetchval(
            "select has_schema_privilege($1, 'public', 'usage')", role_name(service, "api")
        )
        if not usable:
            await connection.execute(f"grant usage on schema public to {_both(service)}")
    except asyncpg.UndefinedObjectError as error:
        raise RoleMissing(str(error)) from error
    finally:
        await connection.close()
