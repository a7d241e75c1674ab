"""How many rows a service reads for a call: PostgreSQL's own counters, so that a plan which reads a table shows."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

import asyncpg

from comeback_kit.db import Database

TIMES: Final = 7
"""PostgreSQL plans a prepared statement anew five times; then it may keep one plan for whatever parameters come."""

FEW: Final = 300
_READ: Final = "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_user_tables"
_WORKERS: Final = 4


class Reads:
    """The rows read so far, by table. Calls of tests that want all connections are few: one at a time."""

    def __init__(self, db: Database, database_url: str) -> None:
        self._db = db
        self._url = database_url
        self.excess: dict[str, dict[str, int]] = {}

    async def execute(self, *statements: str) -> None:
        """Run statements as the superuser: to fill tables, and then to know them."""
        connection = await asyncpg.connect(self._url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def judge(
        self, name: str, act: Callable[[int], Awaitable[Any]], *, most: int = FEW, but: Collection[str] = ()
    ) -> None:
        """Do something seven times (with its number); keep the tables of which once more than ``most`` rows were read.

        ``but``: tables that may be read. The first and the last time are looked at: the planner knows the parameters,
        then it may not.
        """
        for number in range(TIMES):
            before = await self._counts() if number in (0, TIMES - 1) else {}
            await act(number)
            if number in (0, TIMES - 1):
                after = await self._counts()
                read = {table: after[table] - before.get(table, 0) for table in after if table not in but}
                self._keep(name, read, most)

    async def batch(self, name: str, act: Callable[[Any, int], Awaitable[Any]], *, most: int = FEW) -> None:
        """The same for what takes a transaction of the worker role: consumers and timers."""

        async def work(number: int) -> None:
            async with self._db.work() as tx:
                await act(tx, number)

        await self.judge(name, work, most=most)

    def _keep(self, name: str, read: Mapping[str, int], most: int) -> None:
        for table, rows in read.items():
            if rows > most:
                known = self.excess.setdefault(name, {})
                known[table] = max(rows, known.get(table, 0))

    async def _counts(self) -> dict[str, int]:
        # A connection tells its counts when it is asked to, and nobody can ask for another one.
        async with contextlib.AsyncExitStack() as stack:
            taken: list[Any] = []
            for role, size in (("api", 1), ("worker", _WORKERS)):
                pool = self._db.pool(role)
                taken += [await stack.enter_async_context(pool.acquire()) for _ in range(size)]
            await asyncio.gather(*(one.execute("select pg_stat_force_next_flush()") for one in taken))
            rows = await taken[-1].fetch(_READ)
        return {row["relname"]: row["read"] for row in rows}
