"""Hold and confirm of a reward, in process and over HTTP, beside a bare transaction on the same server."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec

from benchmarks.loader import post
from benchmarks.loyalty_setup import present
from benchmarks.orders import SHOP
from benchmarks.processes import running
from benchmarks.report import Result
from comeback_kit.auth import Minter, Principal, generate_key_pair
from comeback_kit.db import Database, ShopDoor
from comeback_kit.runtime import Runtime
from loyalty.express import Express
from loyalty.ids import RANDOM
from loyalty.shops import FIRST_REWARD
from loyalty.state import cache_of, holds_of

CLIENTS = 8
_WARM = 100  # pairs of each client before the clock starts
_BARE = "bare asyncpg transaction"
_BARE_TABLE = """
create table bare_accounts (id int primary key, balance bigint not null);
create table bare_entries (id bigint generated always as identity primary key, account int not null, points bigint);
insert into bare_accounts select n, 1000000 from generate_series(1, 300) n"""

Work = Callable[[], Awaitable[None]]
Connect = Callable[[], contextlib.AbstractAsyncContextManager[list[Work]]]


class _Redemption(msgspec.Struct):
    redemption_id: str


async def measure(
    path: Path, url: str, service: Runtime, members: Sequence[str], seconds: float, turns: int
) -> list[Result]:
    """Turns of the bare transaction, the use cases in process, and the service over HTTP, one after the other."""
    turn = itertools.cycle(members)
    async with _bare(url) as bare, _in_process(url, service, turn) as inside, _over_http(path, url, turn) as outside:
        await _admin(url, "analyze")  # as autovacuum does within a minute: plans are made for tables with rows
        rates: dict[str, list[float]] = {"bare": [], "inside": [], "outside": []}
        for _ in range(turns):
            rates["bare"].append(await _rate([bare] * CLIENTS, seconds))
            rates["inside"].append(await _rate([inside] * CLIENTS, seconds))
            async with outside() as clients:
                rates["outside"].append(await _rate(clients, seconds))
    note = f"{CLIENTS} at once; the bare one (update, insert) {statistics.median(rates['bare']):,.0f}/s"
    return [
        _result("redemption_hold_confirm", rates, "inside", f"the two use cases in process; {note}"),
        _result("redemption_hold_confirm_http", rates, "outside", f"two requests over HTTP; {note}"),
    ]


def _result(name: str, rates: dict[str, list[float]], which: str, note: str) -> Result:
    ratio = statistics.median(ours / bare for ours, bare in zip(rates[which], rates["bare"], strict=True))
    return Result(name, statistics.median(rates[which]), "redemptions/s", ratio, _BARE, least=0.3, note=note)


async def _rate(clients: Sequence[Work], seconds: float) -> float:
    """How often a second, by all clients at once."""
    done, started = 0, time.perf_counter()

    async def repeat(work: Work) -> None:
        nonlocal done
        while time.perf_counter() < started + seconds:
            await work()
            done += 1

    await asyncio.gather(*(repeat(work) for work in clients))
    return done / (time.perf_counter() - started)


async def _warm(clients: Sequence[Work]) -> None:
    for _ in range(_WARM):
        await asyncio.gather(*(work() for work in clients))


@contextlib.asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Work]:
    """BEGIN, one UPDATE by key, one INSERT, COMMIT, through asyncpg's own pool."""
    await _admin(url, _BARE_TABLE)
    accounts = itertools.cycle(range(1, 301))
    async with asyncpg.create_pool(url, min_size=CLIENTS, max_size=CLIENTS) as pool:

        async def work() -> None:
            account = next(accounts)
            async with pool.acquire() as one, one.transaction():
                await one.execute("update bare_accounts set balance = balance - 100 where id = $1", account)
                await one.execute("insert into bare_entries (account, points) values ($1, -100)", account)

        await _warm([work] * CLIENTS)
        yield work


@contextlib.asynccontextmanager
async def _in_process(url: str, service: Runtime, turn: Iterator[str]) -> AsyncIterator[Work]:
    """The use cases as the routes call them, as the role that row-level security binds."""
    db = Database(url, "loyalty", api_pool=CLIENTS)
    await db.open()
    cache, recent = cache_of(service), holds_of(service)

    async def work() -> None:
        hold, confirm = (Express(ShopDoor(db, SHOP), cache, recent, present()) for _ in range(2))
        one = await hold.hold_for_reward(next(turn), FIRST_REWARD, life=timedelta(days=30), ids=RANDOM)
        await confirm.confirm(one.redemption_id, None)

    try:
        await _warm([work] * CLIENTS)
        yield work
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def _over_http(path: Path, url: str, turn: Iterator[str]) -> AsyncIterator[Connect]:
    """The service in a process of its own, a keep-alive connection a client, called as the gateway calls it."""
    keys = generate_key_pair()
    environment = {
        "LOYALTY_DATABASE_URL": url,
        "LOYALTY_LOG_URL": url,
        "LOYALTY_ROLES": "api",
        "LOYALTY_LOG_LEVEL": "warning",
        "LOYALTY_POOL_API": str(CLIENTS),
        "LOYALTY_INTERNAL_PUBLIC_KEY": keys.public,
    }
    minter, caller = Minter(keys.private), Principal(SHOP, "bench", "key", frozenset({"loyalty:write"}))

    async with running(path, "redeeming", "loyalty", "serve", environment=environment) as process:

        @contextlib.asynccontextmanager
        async def connect() -> AsyncIterator[list[Work]]:
            # Anew every turn: the service closes what is idle for five seconds.
            streams = [await asyncio.open_connection("127.0.0.1", process.port) for _ in range(CLIENTS)]
            try:
                yield [_client(*stream, f"Bearer {minter.token(caller)}", turn) for stream in streams]
            finally:
                for _, writer in streams:
                    writer.close()

        async with connect() as clients:
            await _warm(clients)
        yield connect


def _client(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authorization: str, turn: Iterator[str]
) -> Work:
    hold = msgspec.json.encode({"reward_id": FIRST_REWARD})

    async def ask(target: str, body: bytes, wanted: int) -> bytes:
        writer.write(post(target, body, authorization=authorization))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if int(head[9:12]) != wanted:
            raise RuntimeError(f"{target} answered {head[9:12]!r}: {answer!r}")
        return answer

    async def work() -> None:
        held = await ask(f"/v1/loyalty/members/{next(turn)}/redemptions", hold, 201)
        one = msgspec.json.decode(held, type=_Redemption)
        await ask(f"/v1/loyalty/redemptions/{one.redemption_id}/confirm", b"", 200)

    return work


async def _admin(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
