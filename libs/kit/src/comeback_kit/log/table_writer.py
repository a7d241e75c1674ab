"""Appending to the table log: calls that arrive together share one transaction, one at a time is under way."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec

from comeback_kit.log.port import APPEND_TIMEOUT, Entry, LogUnavailable
from comeback_kit.log.table_session import AWAY, connect

logger = logging.getLogger(__name__)

_MOST_ROWS = 4_000
_MOST_BYTES = 16 * 1024 * 1024
_LEAST_SECONDS = 0.2  # a statement with less time left is not begun

Partitions = Mapping[str, Sequence[int]]
"""Topic to the ids of its partitions, by number."""


@dataclass(slots=True, eq=False)
class _Call:
    rows: list[tuple[int, bytes, bytes, bytes | None]]
    size: int
    deadline: float
    done: asyncio.Future[None]


def partition_of(key: bytes, partitions: int) -> int:
    """The partition number of a key: CRC-32, as librdkafka's default; the same on both adapters."""
    return crc32(key) % partitions


class TableWriter:
    """The one writer of a process. ``on_append`` is told the ids of the partitions that got records."""

    def __init__(self, url: str, on_append: Callable[[set[int]], None]) -> None:
        self._url = url
        self._on_append = on_append
        self._calls: list[_Call] = []
        self._in_flight: list[_Call] = []
        self._wanted = asyncio.Event()
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="table-log-writer")

    async def stop(self, timeout: float) -> None:
        """Write what is waiting, for at most ``timeout`` seconds."""
        if under_way := [call.done for call in (*self._calls, *self._in_flight)]:
            await asyncio.wait(under_way, timeout=timeout)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for call in self._calls:
            _fail(call, LogUnavailable("the log is stopping"))
        self._calls.clear()
        if self._connection is not None:
            self._connection.terminate()

    async def append(self, entries: Sequence[Entry], partitions: Partitions) -> None:
        """Durable when it returns. On ``LogUnavailable`` it has kept nothing, unless the server fell silent."""
        rows, size = [], 0
        for entry in entries:
            ids = partitions[entry.topic]
            key = entry.key.encode()
            headers = msgspec.msgpack.encode(entry.headers) if entry.headers else None
            rows.append((ids[partition_of(key, len(ids))], key, entry.value, headers))
            size += len(entry.value)
        done = asyncio.get_running_loop().create_future()
        self._calls.append(_Call(rows, size, time.monotonic() + APPEND_TIMEOUT, done))
        self._wanted.set()
        await done

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while calls := self._take():
                self._in_flight = calls
                try:
                    await self._write(calls)
                except BaseException as error:
                    await self._disconnect()
                    failure = LogUnavailable(f"the log's database: {type(error).__name__}: {error}")
                    for call in calls:
                        _fail(call, failure)
                    if not isinstance(error, Exception):
                        raise

    def _take(self) -> list[_Call]:
        """The calls that the next transaction carries; those whose time is nearly up fail at once."""
        latest = time.monotonic() + _LEAST_SECONDS
        taken: list[_Call] = []
        rows = size = used = 0
        for call in self._calls:
            if taken and (rows + len(call.rows) > _MOST_ROWS or size + call.size > _MOST_BYTES):
                break
            used += 1
            if call.done.done():
                continue  # its caller has gone
            if call.deadline < latest:
                _fail(call, LogUnavailable("the log did not answer in time"))
                continue
            taken.append(call)
            rows, size = rows + len(call.rows), size + call.size
        del self._calls[:used]
        return taken

    async def _write(self, calls: list[_Call]) -> None:
        rows = [row for call in calls for row in call.rows]
        counts: dict[int, int] = {}
        seqs = []
        for row in rows:
            seq = counts.get(row[0], 0)
            counts[row[0]] = seq + 1
            seqs.append(seq)
        ids = sorted(counts)  # locked in this order by every writer
        slot = {partition: index for index, partition in enumerate(ids, 1)}
        async with asyncio.timeout(min(call.deadline for call in calls) - time.monotonic()):
            connection = await self._connected()
            await connection.execute(
                "select log_append($1, $2, $3, $4, $5, $6, $7, $8)",
                ids,
                [counts[partition] for partition in ids],
                [slot[row[0]] for row in rows],
                seqs,
                [row[1] for row in rows],
                [row[2] for row in rows],
                [row[3] for row in rows],
                ",".join(map(str, ids)),
            )
        for call in calls:
            if not call.done.done():
                call.done.set_result(None)
        self._on_append(set(ids))

    async def _connected(self) -> Any:
        while self._connection is None or self._connection.is_closed():
            try:
                self._connection = await connect(self._url, "writer")
            except AWAY as error:
                if isinstance(error, TimeoutError):
                    raise
                await asyncio.sleep(0.1)  # bounded by the time-out around it
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*AWAY):
                await connection.close(timeout=0.5)  # sends a cancel first, so that nothing is committed later


def _fail(call: _Call, error: Exception) -> None:
    if not call.done.done():
        call.done.set_exception(error)
