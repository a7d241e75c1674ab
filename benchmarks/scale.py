"""Ten times the members: what it does to every operation; and a million lots that run out in one night."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import psutil
import uvloop

from benchmarks.loyalty_setup import loyalty_database, present, runtime
from benchmarks.orders import SHOP, events_of, orders_of
from benchmarks.report import Result
from benchmarks.servers import Postgres, postgres
from comeback_kit.consumer import Context
from comeback_kit.db import ShopDoor
from comeback_kit.runtime import Runtime
from loyalty import consumers, due_work, member_view
from loyalty.express import Express
from loyalty.ids import RANDOM
from loyalty.shops import FIRST_REWARD
from loyalty.state import cache_of, holds_of

_POINTS = 1000
_CHUNK = 1000
_CALLS = 200
_MEMBERS = """
insert into members (shop_id, customer_id, seq, balance, lifetime_earned, due_at, created_at, updated_at)
select $1, 'c-' || n, 1, $3, $3, $4, now(), now() from generate_series(0, $2::int - 1) n"""
_LOTS = """
insert into lots (shop_id, customer_id, lot_id, program_version, earned, remaining, active, earned_at, available_at,
  expires_at)
select $1, 'c-' || n, 'import', 1, $3, $3, true, now() - interval '1 year', now() - interval '1 year', $4
from generate_series(0, $2::int - 1) n"""
_ENTRIES = """
insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id, expires_at, created_at)
select $1, 'c-' || n, 1, 0, 'earned', 'issued', 'available', $3, 'import', $4, now()
from generate_series(0, $2::int - 1) n"""


def measure(quick: bool) -> Sequence[Result]:
    """Both sizes on one server, in turns; with the memory that a shop of a million members gives its PostgreSQL."""
    with postgres({"shared_buffers": "2GB"}) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(server, quick=quick))


async def _measure(server: Postgres, *, quick: bool) -> list[Result]:
    few, many = (2_000, 20_000) if quick else (100_000, 1_000_000)
    small, large = await _populated(server, few), await _populated(server, many)
    results = await _compared(small, large, few, many, rounds=3 if quick else 8)
    results += await _expiry(await _populated(server, many, expired=True), many)
    return results


async def _populated(server: Postgres, members: int, *, expired: bool = False) -> str:
    """A database with so many members of one lot each, in the books as if it had been posted."""
    url = await loyalty_database(server)
    connection = await asyncpg.connect(url)
    try:
        ends = present() - timedelta(days=1) if expired else None
        for statement in (_MEMBERS, _LOTS, _ENTRIES):
            await connection.execute(statement, SHOP, members, _POINTS, ends)
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
    return url


@dataclass
class _Operation:
    """Seconds an operation took at each size, turn by turn."""

    name: str
    few: list[float]
    many: list[float]


async def _compared(small: str, large: str, few: int, many: int, *, rounds: int) -> list[Result]:
    operations = {name: _Operation(name, [], []) for name in ("orders", "reads", "redemptions")}
    async with runtime(small) as first, runtime(large) as second:
        for turn in range(rounds + 1):  # the first plans and fills caches
            for service, members, at in ((first, few, "few"), (second, many, "many")):
                for name, work in _works(service, members, turn).items():
                    started = time.perf_counter()
                    await work()
                    if turn:
                        getattr(operations[name], at).append(time.perf_counter() - started)
    return [
        Result(
            f"ten_times_the_members_{one.name}",
            sum(one.many) / len(one.many) * 1e3,
            "ms",
            sum(one.many) / sum(one.few),
            f"{few:,} members",
            most=1.3,
            note=f"{_CHUNK if one.name == 'orders' else _CALLS} of them, with {many:,} members",
        )
        for one in operations.values()
    ]


def _works(service: Runtime, members: int, turn: int) -> dict[str, Callable[[], Awaitable[None]]]:
    rng = random.Random(turn)
    names = [f"c-{rng.randrange(members)}" for _ in range(_CHUNK)]
    events = events_of(orders_of(names, present(), prefix=f"t{turn}"))

    async def orders() -> None:
        async with service.db.work() as tx:
            await consumers.take_orders(tx, events, Context(present(), service))

    async def reads() -> None:
        for name in names[:_CALLS]:
            async with service.db.request(SHOP) as tx:
                await member_view.read(tx, cache_of(service), SHOP, name, present())

    async def redemptions() -> None:
        for name in names[:_CALLS]:
            hold, confirm = (
                Express(ShopDoor(service.db, SHOP), cache_of(service), holds_of(service), present()) for _ in range(2)
            )
            one = await hold.hold_for_reward(name, FIRST_REWARD, life=timedelta(days=30), ids=RANDOM)
            await confirm.confirm(one.redemption_id, None)

    return {"orders": orders, "reads": reads, "redemptions": redemptions}


async def _expiry(url: str, lots: int) -> list[Result]:
    """As the job does it: chunk by chunk, a transaction each, until nothing is due."""
    process, tenth = psutil.Process(), lots // 10
    marks: list[tuple[int, float, float]] = []  # lots done, seconds, MB
    async with runtime(url) as service:
        done, started = 0, time.perf_counter()
        while found := await due_work.run_once(service, _CHUNK):
            done += found
            if done // tenth > len(marks):
                marks.append((done, time.perf_counter() - started, process.memory_info().rss / 1e6))
        seconds = time.perf_counter() - started
        async with service.db.work() as tx:
            assert await tx.fetchval("select sum(balance) from members") == 0
            assert await tx.fetchval("select sum(points) from entries where kind = 'expired'") == lots * _POINTS
    assert done == lots
    (first, early, before), (last, late, after) = marks[0], marks[-1]
    (near_last, near, _) = marks[-2]
    slowed = ((late - near) / (last - near_last)) / (early / first)
    note = f"{lots:,} lots in {seconds:.0f} s, each with its entry and its event"
    return [
        Result(
            "expiry_of_a_million_lots",
            lots / seconds,
            "lots/s",
            slowed,
            "its first tenth (seconds a lot)",
            most=1.3,
            note=note,
        ),
        Result("expiry_memory", after, "MB", after / before, "after its first tenth", most=1.1),
    ]
