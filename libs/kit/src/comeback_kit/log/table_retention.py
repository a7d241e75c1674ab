"""What the table log forgets: records past a topic's retention, and older records of a key in a compacted topic."""

import asyncio
import logging
from typing import Any, Final

from comeback_kit.log.port import LogUnavailable
from comeback_kit.log.table_session import TableSession

logger = logging.getLogger(__name__)

_LOCK: Final = 7_261_503_003
_PAGE: Final = 5_000
_PARTITIONS: Final = """
select p.id, p.next_offset, t.retention_seconds, t.compacted from log_partitions p join log_topics t using (topic)"""
# Records lie by age. Where the first one is young it looks no further, else at no more than a page from the head; and
# deletes by place, since joined with as many offsets PostgreSQL would rather read the whole partition.
_EXPIRE: Final = """
with oldest as (
  select appended_at from log_records where partition_id = $1 order by record_offset limit 1
), head as (
  select ctid as place, appended_at from log_records
  where partition_id = $1 and (select appended_at from oldest) < now() - make_interval(secs => $2)
  order by record_offset limit $3
), gone as (
  delete from log_records where ctid = any(array(
    select place from head where appended_at < now() - make_interval(secs => $2)
  ))
  returning 1
)
select count(*) from gone"""
_COMPACT: Final = """
with superseded as (
  select record_offset from (
    select record_offset, lead(record_offset) over (partition by key order by record_offset) as newer
    from log_records where partition_id = $1 and record_offset < $2
  ) chain where newer is not null
)
delete from log_records r using superseded s where r.partition_id = $1 and r.record_offset = s.record_offset"""


class Retention:
    """The job, once in ``every`` seconds; of several processes one does it."""

    def __init__(self, session: TableSession, every: float) -> None:
        self._session = session
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="table-log-retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> None:
        """Remove what is due now. Raises ``LogUnavailable``."""
        async with self._session.reader() as connection:
            if not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                return
            try:
                for row in await connection.fetch(_PARTITIONS):
                    await _sweep_partition(connection, row)
            finally:
                await connection.execute("select pg_advisory_unlock($1)", _LOCK)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.sweep()
            except LogUnavailable as error:
                logger.warning("retention of the table log comes later: %s", error)


async def _sweep_partition(connection: Any, row: Any) -> None:
    if row["compacted"]:
        await connection.execute(_COMPACT, row["id"], row["next_offset"])
    elif row["retention_seconds"] is not None:
        removed = _PAGE
        while removed == _PAGE:
            removed = await connection.fetchval(_EXPIRE, row["id"], float(row["retention_seconds"]), _PAGE)
