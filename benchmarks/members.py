"""Reading a member beside a bare FastAPI endpoint; hold and confirm beside a bare transaction on the same server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks import redeeming
from benchmarks.loader import get
from benchmarks.loyalty_setup import loyalty_database, present, runtime
from benchmarks.orders import SHOP, events_of, order_entries
from benchmarks.processes import running
from benchmarks.proxy import Cost
from benchmarks.report import Result
from benchmarks.servers import Postgres, folder, postgres
from comeback_kit.auth import Minter, Principal, generate_key_pair
from comeback_kit.collector import settle_in
from comeback_kit.consumer import Context
from comeback_kit.runtime import Runtime
from loyalty import consumers

# What the gateway adds to a request that it passes on.
_PASSED = {
    "x-request-id": "0f8fad5bd9cb469fa165",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "x-forwarded-for": "127.0.0.1",
}


def measure(quick: bool) -> Sequence[Result]:
    """Turns of both, one after the other."""
    with (
        postgres() as server,
        folder() as path,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(server, path, quick=quick))


async def _measure(server: Postgres, path: Path, *, quick: bool) -> list[Result]:
    seconds, turns = (1.0, 1) if quick else (2.0, 7)
    url = await loyalty_database(server)
    async with runtime(url) as service:
        async with service.db.work() as tx:
            events = events_of(order_entries(900, present()))
            await consumers.take_orders(tx, events, Context(present(), service))
        members = await _rich_members(service)
        settle_in()  # as every process of a service does at its start
        return [
            await _reading(path, url, members[0], seconds, turns),
            *await redeeming.measure(path, url, service, members, seconds, turns),
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
        request = get(f"/v1/loyalty/members/{member}", authorization=f"Bearer {token}", **_PASSED)
        for _ in range(turns):
            await peer.turn(bare, request, seconds)
            await ours.turn(loyalty, request, seconds)
    note = f"{ours.answers / ours.seconds:,.0f} reads/s; the bare endpoint {peer.us:.0f} µs"
    return Result(
        "member_read_cpu", ours.us, "µs CPU/request", ours.us / peer.us, "bare FastAPI endpoint", most=2.5, note=note
    )
