"""One member of a consumer group on the table log.

The partitions are shared among the live members by leases (``comeback_kit.leases``). A member that loses its session
loses its leases; what it had in flight is void then (``generation``), and its commits can only move positions forward.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from comeback_kit import leases
from comeback_kit.log.port import LogUnavailable, Record, RevokeHook, TopicPartition
from comeback_kit.log.table_reading import Positions, partitions_of
from comeback_kit.log.table_schema import GROUPS_CHANNEL
from comeback_kit.log.table_session import TableSession

logger = logging.getLogger(__name__)

REVOKE_SECONDS: Final = 5.0
_BALANCE_SECONDS: Final = 1.0
_HUNGRY_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 1.0  # when no notification came
_GROUP: Final = """
insert into log_groups (name) values ($1) on conflict (name) do update set name = excluded.name returning id"""


class TableConsumer:
    """See ``port.LogConsumer``."""

    def __init__(
        self,
        session: TableSession,
        group: str,
        topics: Sequence[str],
        on_stop: Callable[["TableConsumer"], None],
    ) -> None:
        self._session = session
        self._group = group
        self._topics = tuple(topics)
        self._on_stop = on_stop
        self._on_revoke: RevokeHook | None = None
        self._space = 0
        self._epoch = -1
        self._positions = Positions()
        self._hungry = False
        self._records_wanted = asyncio.Event()
        self._balance_wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def generation(self) -> int:
        return self._positions.generation

    @property
    def rebuilds(self) -> int:
        return 0  # the session's reconnects are the log's affair; nothing of a member can hang

    async def start(self, on_revoke: RevokeHook | None = None) -> None:
        self._on_revoke = on_revoke
        self._task = asyncio.create_task(self._keep_balanced(), name=f"table-log-{self._group}")

    async def stop(self, timeout: float = 4.0) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(LogUnavailable, TimeoutError):
            async with asyncio.timeout(timeout), self._session.use() as connection:
                if self._epoch == self._session.epoch:
                    await leases.leave(connection, self._space, self._positions.owned)
                    await self._tell_group(connection)
        self._positions.lose_all()
        self._on_stop(self)

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(each.place for each in self._positions.owned.values())

    def lags(self) -> Mapping[TopicPartition, int]:
        return self._positions.lags()

    def notified(self, partitions: Collection[int]) -> None:
        """Records were appended to these partitions."""
        if not self._positions.owned.keys().isdisjoint(partitions):
            self._records_wanted.set()

    def members_changed(self, group: str) -> None:
        """Members of the group with this id came or went; empty: the session did."""
        if group in ("", str(self._space)):
            self._balance_wanted.set()
            if self._epoch != self._session.epoch:
                self._positions.lose_all()

    async def poll(self, max_records: int, timeout: float) -> list[Record]:
        deadline = time.monotonic() + timeout
        while True:
            self._records_wanted.clear()
            records: list[Record] = []
            if self._positions.owned:
                with contextlib.suppress(LogUnavailable):
                    async with self._session.reader(max(0.1, timeout)) as connection:
                        records = await self._positions.read(connection, self._space, max_records)
            if records:
                return records
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _POLL_SECONDS)):
                    await self._records_wanted.wait()

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        async with self._session.reader() as connection:
            await self._positions.commit(connection, self._space, positions)

    async def rewind(self) -> None:
        self._positions.reset()
        self._records_wanted.set()

    async def keep_alive(self) -> None:
        return  # the lease is kept by a task of its own

    async def _keep_balanced(self) -> None:
        while True:
            self._balance_wanted.clear()
            try:
                await self._balance()
            except LogUnavailable:
                self._positions.lose_all()
            except Exception:
                logger.exception("group %s failed to balance its partitions and tries again", self._group)
                self._positions.lose_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HUNGRY_SECONDS if self._hungry else _BALANCE_SECONDS):
                    await self._balance_wanted.wait()

    async def _balance(self) -> None:
        async with self._session.use() as connection:
            if self._epoch != self._session.epoch:
                await self._join(connection)
            partitions = await partitions_of(connection, self._topics)
            wanted = await leases.fair_share(connection, self._space, list(partitions))
        if surplus := self._positions.owned.keys() - wanted:
            await self._give_up(surplus)
        async with self._session.use() as connection:
            got = await leases.acquire(connection, self._space, wanted - self._positions.owned.keys())
        if got:
            self._positions.gain({id_: partitions[id_] for id_ in got})
            self._records_wanted.set()
        self._hungry = len(wanted) > len(self._positions.owned)

    async def _join(self, connection: Any) -> None:
        self._positions.lose_all()
        self._space = await connection.fetchval(_GROUP, self._group)
        await leases.join(connection, self._space)
        self._epoch = self._session.epoch
        await self._tell_group(connection)

    async def _give_up(self, surplus: Collection[int]) -> None:
        if self._on_revoke is not None:
            try:
                async with asyncio.timeout(REVOKE_SECONDS):
                    await self._on_revoke()
            except TimeoutError:
                logger.warning("group %s gives partitions up with work in flight", self._group)
        self._positions.lose(surplus)
        async with self._session.use() as connection:
            await leases.release(connection, self._space, surplus)
            await self._tell_group(connection)

    async def _tell_group(self, connection: Any) -> None:
        await connection.execute("select pg_notify($1, $2)", GROUPS_CHANNEL, str(self._space))
