"""Reading a member beside a bare FastAPI endpoint; hold and confirm beside a bare transaction on the same server."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import uvloop

from benchmarks.loader import get
from benchmarks.loyalty_setup import loyalty_database, present, runtime
from benchmarks.orders import SHOP, events_of, order_entries
from benchmarks.processes import running
from benchmarks.proxy import Cost
from benchmarks.report import Result
from benchmarks.servers import Postgres, folder, postgres
from comeback_kit.auth import Minter, Principal, generate_key_pair
from comeback_kit.consumer import Context
from comeback_kit.runtime import Runtime
from loyalty import consumers, redemption
from loyalty.desk import Desk
from loyalty.ids import RANDOM
from loyalty.shops import FIRST_REWARD
from loyalty.state import cache_of

_CLIENTS = 8
_BARE = "bare asyncpg transaction"
_BARE_TABLE = """
create table bare_accounts (id int primary key, balance bigint not null);
create table bare_entries (id bigint generated always as identity primary key, account int not null, points bigint);
insert into bare_accounts select n, 1000000 from generate_series(1, 300) n"""


def measure(quick: bool) -> Sequence[Result]:
    """Turns of both, one after the other."""
    with (
        postgres() as server,
        folder() as path,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(server, path, quick=quick))


async def _measure(server: Postgres, path: Path, *, quick: bool) -> list[Result]:
    seconds, turns = (1.0, 1) if quick else (3.0, 3)
    url = await loyalty_database(server)
    async with runtime(url) as service:
        async with service.db.work() as tx:
            events = events_of(order_entries(900, present()))
            await consumers.take_orders(tx, events, Context(present(), service))
        members = await _rich_members(service)
        return [
            await _reading(path, url, members[0], seconds, turns),
            await _redeeming(url, service, members, seconds, turns),
        ]


async def _rich_members(service: Runtime) -> list[str]:
    """Members with enough points for many rewards: they are given a lot of a million points each."""
    async with service.db.work() as tx:
        rows = await tx.fetch("select customer_id from members where shop_id = $1 order by customer_id", SHOP)
        await tx.execute("update members set balance = balance + 1000000")
        await tx.execute("update lots set remaining = remaining + 1000000, earned = earned + 1000000")
    return [row["customer_id"] for row in rows]


async def _reading(path: Path, url: str, member: str, seconds: float, turns: int) -> Result:
    keys = generate_key_pair()
    environment = {
        "LOYALTY_DATABASE_URL": url,
        "LOYALTY_LOG_URL": url,
        "LOYALTY_ROLES": "api",
        "LOYALTY_LOG_LEVEL": "warning",
        "LOYALTY_INTERNAL_PUBLIC_KEY": keys.public,
    }
    ours, peer = Cost(), Cost()
    async with (
        running(path, "bare", "benchmarks.bare_endpoint", ready="/openapi.json") as bare,
        running(path, "loyalty", "loyalty", "serve", environment=environment) as loyalty,
    ):
        token = Minter(keys.private).token(Principal(SHOP, "bench", "key", frozenset({"loyalty:read"})))
        request = get(f"/v1/loyalty/members/{member}", authorization=f"Bearer {token}")
        for _ in range(turns):
            await peer.turn(bare, request, seconds)
            await ours.turn(loyalty, request, seconds)
    note = f"{ours.answers / ours.seconds:,.0f} reads/s; the bare endpoint {peer.us:.0f} µs"
    return Result(
        "member_read_cpu", ours.us, "µs CPU/request", ours.us / peer.us, "bare FastAPI endpoint", most=2.5, note=note
    )


async def _redeeming(url: str, service: Runtime, members: list[str], seconds: float, turns: int) -> Result:
    turn = itertools.cycle(members)

    async def redeem() -> None:
        async with service.db.request(SHOP) as tx:
            desk = await Desk.expect(tx, cache_of(service), SHOP, present())
            one = await redemption.hold_for_reward(
                tx, desk, next(turn), FIRST_REWARD, life=timedelta(days=30), ids=RANDOM
            )
        async with service.db.request(SHOP) as tx:
            desk = await Desk.expect(tx, cache_of(service), SHOP, present())
            await redemption.confirm(tx, desk, one.redemption_id, None)

    connection = await asyncpg.connect(url)
    await connection.execute(_BARE_TABLE)
    await connection.close()
    pool = await asyncpg.create_pool(url, min_size=_CLIENTS, max_size=_CLIENTS)
    accounts = itertools.cycle(range(1, 301))

    async def bare() -> None:
        account = next(accounts)
        async with pool.acquire() as one, one.transaction():
            await one.execute("update bare_accounts set balance = balance - 100 where id = $1", account)
            await one.execute("insert into bare_entries (account, points) values ($1, -100)", account)

    ours, peer = [], []
    for _ in range(turns):
        peer.append(await _rate(bare, seconds))
        ours.append(await _rate(redeem, seconds))
    await pool.close()
    rate, against = sum(ours) / turns, sum(peer) / turns
    note = f"{_CLIENTS} at once; the bare one (update, insert) {against:,.0f}/s"
    return Result("redemption_hold_confirm", rate, "redemptions/s", rate / against, _BARE, least=0.3, note=note)


async def _rate(work: Callable[[], Awaitable[None]], seconds: float) -> float:
    """How often a second, by eight at once; the first of each are not counted."""
    done, until = 0, time.perf_counter() + seconds

    async def repeat() -> None:
        nonlocal done
        await work()
        while time.perf_counter() < until:
            await work()
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(repeat() for _ in range(_CLIENTS)))
    return done / (time.perf_counter() - started)
