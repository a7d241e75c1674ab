"""PostgreSQL: two pools with two roles, and the transactions at the edge.

Only this module (for requests), the consumer, the timers and the relay commit; use cases receive a connection that is
already inside a transaction. Requests run as the ``api`` role, which row-level security binds to one shop; batches run
as the ``worker`` role, which sees all shops. Neither is a superuser, nor may it bypass row security.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from comeback_kit import driver
from comeback_kit.parking import Lease, Parking

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

driver.shorten()

STATEMENT_TIMEOUT_MS = 30_000
TRANSACTION_TIMEOUT_MS = 55_000  # the outbox floor trails by 60 s: no transaction may live longer
# Batches look up rows by their keys, most of them in memory. PostgreSQL takes every page for one on a disk, so it would
# rather read all of a table whose rows are some tens of times as many; and where it planned so while a table was small,
# it goes on until the next ANALYZE. Requests may ask for much (reports), so they have its own choice.
_BY_KEY: Final = {"enable_seqscan": "off", "random_page_cost": "0.1", "seq_page_cost": "0.1"}


class RoleMissing(RuntimeError):
    """The database has not been prepared: run the service's ``migrate`` with a role that may create roles."""


class SuperuserRefused(RuntimeError):
    """The effective role is a superuser or bypasses row security, so no policy would bind it."""


def role_name(service: str, role: str) -> str:
    """The database role of a service: ``owner`` migrates, ``api`` serves requests, ``worker`` runs batches."""
    return f"comeback_{service}_{role}"


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, parts.fragment))


def quote_literal(text: str) -> str:
    """A string literal for the few statements that take no parameters (``SET LOCAL``)."""
    if "\x00" in text:
        raise ValueError("NUL in a literal")
    return "'" + text.replace("'", "''") + "'"


class Database:
    """One service's database. ``open`` before use, ``close`` at the end."""

    def __init__(self, url: str, service: str, *, api_pool: int = 5, worker_pool: int = 4) -> None:
        self._url = url
        self._service = service
        self._sizes = {"api": api_pool, "worker": worker_pool}
        self._pools: dict[str, Pool] = {}
        self._parking: Parking | None = None

    async def open(self) -> None:
        """Open both pools and check the roles. Raises ``RoleMissing`` or ``SuperuserRefused``."""
        try:
            for role in ("api", "worker"):
                self._pools[role] = await self._open_pool(role)
            self._parking = Parking(self._pools["api"], self._sizes["api"])
        except BaseException:
            await self.close()
            raise

    async def close(self, timeout: float = 2.0) -> None:
        """Close the pools, by force after ``timeout`` seconds."""
        for pool in self._pools.values():
            try:
                async with asyncio.timeout(timeout):
                    if self._parking is not None:
                        await self._parking.close()
                    await pool.close()
            except TimeoutError:
                pool.terminate()
        self._pools.clear()

    @contextlib.asynccontextmanager
    async def request(self, shop_id: str) -> AsyncIterator[Connection]:
        """One transaction of one shop, committed when the block ends without an exception."""
        async with self.lease() as connection:
            begin = f"BEGIN; SET LOCAL app.shop_id = {quote_literal(shop_id)}"
            async with _transaction(connection, begin):
                yield connection

    def reader(self, shop_id: str) -> "ShopReader":
        """Reads of one shop that need no transaction."""
        return ShopReader(self, shop_id)

    async def row(self, statement: str, shop_id: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row of a statement made by ``scoped``: one round trip, its own transaction, bound to the shop."""
        async with self.lease() as connection:
            found: asyncpg.Record | None = await connection.fetchrow(statement, shop_id, *arguments)
            return found

    async def rows(self, statement: str, shop_id: str, *arguments: Any) -> "Sequence[asyncpg.Record]":
        """All rows of a statement made by ``scoped``, or of one that writes where ``GATE`` lets it."""
        async with self.lease() as connection:
            found: Sequence[asyncpg.Record] = await connection.fetch(statement, shop_id, *arguments)
            return found

    def lease(self) -> Lease:
        """A connection of the ``api`` role in its turn, in no transaction and of no shop."""
        assert self._parking is not None  # noqa: S101  # open() comes first
        return self._parking.connection()

    @contextlib.asynccontextmanager
    async def work(self) -> AsyncIterator[Connection]:
        """One transaction over all shops, committed when the block ends without an exception."""
        async with self._pools["worker"].acquire() as connection, _transaction(connection, "BEGIN"):
            yield connection

    async def ping(self) -> None:
        """Raise when the database does not answer within two seconds."""
        async with asyncio.timeout(2.0), self.lease() as connection:
            await connection.fetchval("select 1")

    def pool(self, role: str) -> Pool:
        """The pool of a role, for what keeps a connection (advisory locks); that of ``api`` has none under load."""
        return self._pools[role]

    async def _open_pool(self, role: str) -> Pool:
        name = role_name(self._service, role)
        settings = {
            "role": name,
            "application_name": f"comeback-{self._service}-{role}",
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(TRANSACTION_TIMEOUT_MS),
            "jit": "off",
            **(_BY_KEY if role == "worker" else {}),
        }
        try:
            pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._sizes[role],
                server_settings=settings,
                command_timeout=60,
                init=_init,
                reset=_reset,
            )
        except (asyncpg.InvalidParameterValueError, asyncpg.UndefinedObjectError) as error:
            raise RoleMissing(f"role {name} does not exist: run `python -m {self._service} migrate` first") from error
        row = await pool.fetchrow(
            "select rolsuper or rolbypassrls as unbound from pg_roles where rolname = current_user"
        )
        if row is None or row["unbound"]:
            await pool.close()
            raise SuperuserRefused(f"{name} is a superuser or bypasses row-level security; use a plain role")
        return pool


class ShopReader:
    """Reads one shop: rows in one round trip, or a transaction where that is not enough."""

    __slots__ = ("_db", "shop_id")

    def __init__(self, db: Database, shop_id: str) -> None:
        self._db = db
        self.shop_id = shop_id

    async def row(self, statement: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row of a statement made by ``scoped``; the arguments are ``$2`` and up."""
        return await self._db.row(statement, self.shop_id, *arguments)

    async def rows(self, statement: str, *arguments: Any) -> "Sequence[asyncpg.Record]":
        """The rows of a statement that is a transaction of its own; ``$1`` is the shop."""
        return await self._db.rows(statement, self.shop_id, *arguments)

    def transaction(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        """A transaction of the shop, committed when the block ends without an exception."""
        return self._db.request(self.shop_id)


class ShopDoor(ShopReader):
    """One shop for a use case that opens a transaction only where a statement alone does not do."""

    __slots__ = ("_tx",)

    def __init__(self, db: Database, shop_id: str, tx: "Connection | None" = None) -> None:
        super().__init__(db, shop_id)
        self._tx = tx

    @property
    def is_alone(self) -> bool:
        """Whether a statement may commit by itself; not where the caller keeps more in the same transaction."""
        return self._tx is None

    def transaction(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        """The caller's transaction, which the caller ends; else a new one, committed when the block ends well."""
        return super().transaction() if self._tx is None else contextlib.nullcontext(self._tx)


GATE: Final = "(select set_config('app.shop_id', $1::text, true)) <> ''"
"""A condition that sets the shop (``$1``) itself, for a part that writes and the parts that depend on its rows.

It names no column, so PostgreSQL asks it once, before it looks for the first row of the part that names it. Say
``shop_id is not distinct from $1`` beside it, not ``=``: out of two equalities with ``shop_id`` PostgreSQL concludes
that the setting equals ``$1``, and would ask that first. Were it otherwise, no row would be seen, none written. The
setting ends with the statement.
"""


def scoped(select: str) -> str:
    """A query that sets the shop itself, so that row-level security holds without a transaction around it.

    ``select`` names the shop as ``scope.shop_id`` (which is ``$1``). The reference makes PostgreSQL run it after the
    setting, whatever plan it chooses; were it otherwise, no row would be seen. The setting ends with the statement.
    """
    if "scope.shop_id" not in select:
        raise ValueError("the query must name scope.shop_id, else nothing says that the setting comes first")
    return f"select r.* from set_config('app.shop_id', $1::text, true) scope(shop_id), lateral ({select} offset 0) r"


@contextlib.asynccontextmanager
async def _transaction(connection: Any, begin: str) -> AsyncIterator[None]:
    # Plain BEGIN/COMMIT instead of asyncpg's Transaction: the shop is set in the same round trip.
    try:
        await connection.execute(begin)
        yield
    except BaseException:
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


async def _reset(connection: Any) -> None:
    # asyncpg's own reset costs a round trip for settings that we never change outside SET LOCAL.
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def _init(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
        format="binary",
    )
    await driver.remember_instants(connection)
