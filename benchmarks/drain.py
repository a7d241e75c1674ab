"""How fast loyalty settles a backlog of orders: consumer processes over Kafka, or the handler alone."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import asyncpg

from benchmarks import native
from benchmarks.loyalty_setup import present, runtime
from benchmarks.orders import SHOP, events_of, order_entries
from benchmarks.processes import running
from benchmarks.servers import Postgres
from comeback_contracts.topics import ORDERS
from comeback_kit.consumer import Context
from comeback_kit.log.kafka import KafkaLog
from comeback_kit.log.port import Entry, EventLog
from gateway.app import topic_specs
from loyalty import consumers
from loyalty.verify import verify_ledger

BATCH = 1000
_WARM = 400
_MOST_SECONDS = 120.0


@dataclass(frozen=True)
class Drained:
    """Orders a second, and CPU microseconds an order of the consumers and of PostgreSQL."""

    rate: float
    consumer_us: float
    database_us: float


async def over_kafka(
    server: Postgres,
    broker_url: str,
    path: Path,
    url: str,
    count: int,
    *,
    processes: int = 1,
    interpreted: bool = False,
) -> Drained:
    """Consumer processes of the service (``LOYALTY_ROLES=consumer``) drain a topic that was filled before."""
    log = KafkaLog.from_url(broker_url)
    await log.start()
    try:
        await log.ensure_topics(topic_specs(), timeout=20)
        environment = {
            "LOYALTY_DATABASE_URL": url,
            "LOYALTY_LOG_URL": broker_url,
            "LOYALTY_ROLES": "consumer",
            "LOYALTY_LOG_LEVEL": "warning",
            "LOYALTY_CONSUMER_BATCH": str(BATCH),
            **(native.interpreted() if interpreted else {}),
        }
        async with AsyncExitStack() as stack:
            consuming = [
                await stack.enter_async_context(
                    running(path, f"consumer-{number}", "loyalty", "serve", environment=environment)
                )
                for number in range(processes)
            ]
            await _warm(log, processes)
            async with _held_back(url):
                await _produce(log, _backlog(count))
                await server.run("checkpoint")  # as before TPC-B: nobody pays for the pages of the one before
                used = sum(one.cpu() for one in consuming), server.cpu()
                started = time.perf_counter()
            await _settled(log, _WARM + count)
            seconds = time.perf_counter() - started
            consumer, database = sum(one.cpu() for one in consuming) - used[0], server.cpu() - used[1]
        await _check(url, _WARM + count)
        return Drained(count / seconds, consumer / count * 1e6, database / count * 1e6)
    finally:
        await log.stop()


async def replayed(server: Postgres, url: str, count: int) -> Drained:
    """The same orders straight into the service's handler, a transaction a batch: no log, no decoding."""
    warm, events = events_of(order_entries(_WARM, present(), prefix="warm")), events_of(_backlog(count))
    async with runtime(url) as service:
        for batch in (warm[:100], warm[100:]):
            async with service.db.work() as tx:
                await consumers.take_orders(tx, batch, Context(present(), service))
        await server.run("checkpoint")
        used, own = server.cpu(), time.process_time()
        started = time.perf_counter()
        for first in range(0, count, BATCH):
            async with service.db.work() as tx:
                await consumers.take_orders(tx, events[first : first + BATCH], Context(present(), service))
        seconds = time.perf_counter() - started
        own, used = time.process_time() - own, server.cpu() - used
    await _check(url, _WARM + count)
    return Drained(count / seconds, own / count * 1e6, used / count * 1e6)


@lru_cache(maxsize=1)
def _backlog(count: int) -> list[Entry]:
    """The same orders for every run of a measurement."""
    return order_entries(count, present())


async def _warm(log: EventLog, processes: int) -> None:
    """Let every process join and settle something, so that neither imports nor plans are measured."""
    entries = order_entries(_WARM, present(), prefix="warm")
    await _produce(log, entries[: _WARM // 4])
    await _settled(log, _WARM // 4)
    if processes > 1:
        await asyncio.sleep(4.0)  # the others join
    await _produce(log, entries[_WARM // 4 :])
    await _settled(log, _WARM)


@contextlib.asynccontextmanager
async def _held_back(url: str) -> AsyncIterator[None]:
    """Keep the consumers from settling: the lock that also a new program takes."""
    connection = await asyncpg.connect(url)
    try:
        await connection.fetchval("select pg_advisory_lock(hashtextextended('program:' || $1, 0))", SHOP)
        yield
    finally:
        await connection.close()


async def _produce(log: EventLog, entries: list[Entry]) -> None:
    for first in range(0, len(entries), 2000):
        await log.append(entries[first : first + 2000])


async def _settled(log: EventLog, count: int) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    while (done := sum((await log.committed("loyalty", [ORDERS])).values())) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {done} of {count} orders were settled in {_MOST_SECONDS:.0f} s")
        await asyncio.sleep(0.03 if done > 0.8 * count else 0.2)  # who asks often takes CPU from those who work


async def _check(url: str, count: int) -> None:
    """Fast and wrong is no figure: every order settled, the ledger sound."""
    connection = await asyncpg.connect(url)
    try:
        settled = await connection.fetchval("select count(*) from orders where kept is not null")
        assert settled == count, f"{settled} of {count} orders are settled"
        found = await verify_ledger(connection)
        assert not found, found[:5]
    finally:
        await connection.close()
