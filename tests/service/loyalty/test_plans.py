"""Among thousands of members no call reads them all: row-level security hides an index behind a careless expression."""

from collections.abc import AsyncIterator, Mapping

import asyncpg
import httpx
import pytest_asyncio

from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import START, Json, World, event, instant
from tests.support.apps import Clock, ServiceUnderTest

_MANY = 3000
_SCANNED = 200  # a scan may end early, where it finds what it looks for
_BIG = ("members", "lots", "entries", "orders", "redemptions", "profiles")
_MORE_REDEMPTIONS = """
insert into redemptions select (jsonb_populate_record(r, jsonb_build_object(
  'redemption_id', 'r' || n, 'code', 'CODE-' || n, 'customer_id', 'c' || n))).*
from redemptions r, generate_series(1, $1::int) n"""
_PROFILES = """
insert into profiles select (jsonb_populate_record(p, jsonb_build_object('customer_id', 'p' || n))).*
from profiles p, generate_series(1, $1::int) n"""
_READ = "select relname, seq_tup_read from pg_stat_user_tables where relname = any($1)"


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(running: tuple[ServiceUnderTest, Clock]) -> AsyncIterator[World]:
    """A shop with so many members of one order each, and as many redemptions."""
    service, clock = running
    await empty(service)
    clock.now = START
    world = World(service, clock)
    await world.shop()
    for first in range(0, _MANY, 1000):
        await world.take(*[world.order_event(f"o{n}", customer=f"c{n}") for n in range(first, first + 1000)])
    data = {"customer_id": "c7", "first_name": "Ada", "updated_at": instant(START)}
    await world.take(event("customer.updated", data, at=START))
    rewards = (await world.client.get("/v1/loyalty/rewards")).json()["items"]
    held = await world.client.post("/v1/loyalty/members/c7/redemptions", json={"reward_id": rewards[0]["reward_id"]})
    assert held.status_code == 201, held.text
    connection = await asyncpg.connect(service.database_url)
    try:
        await connection.execute(_MORE_REDEMPTIONS, _MANY)
        await connection.execute(_PROFILES, _MANY)
        await connection.execute("analyze")
    finally:
        await connection.close()
    yield world
    await world.client.aclose()
    await empty(service)


def _calls(order: Json) -> dict[str, tuple[str, Json | None]]:
    """Path and body of every call about one member or order, and of the lists."""
    return {
        "members": ("/v1/loyalty/members?limit=20", None),
        "member": ("/v1/loyalty/members/c7", None),
        "transactions": ("/v1/loyalty/members/c7/transactions", None),
        "lots": ("/v1/loyalty/members/c7/lots", None),
        "redemptions": ("/v1/loyalty/members/c7/redemptions", None),
        "redemption": ("/v1/loyalty/redemptions/r9", None),
        "export": ("/v1/loyalty/members/c7/export", None),
        "explanation": ("/v1/loyalty/orders/o7/explanation", None),
        "thank-you": ("/v1/loyalty/orders/o7/post-purchase", None),
        "rewards": ("/v1/loyalty/rewards", None),
        "earn preview": ("/v1/loyalty/earn/preview", {"order": order, "customer_id": "c7"}),
        "adjustment": ("/v1/loyalty/members/c8/adjustments", {"points": 500, "reason": "sorry"}),
        "transfer": ("/v1/loyalty/members/c8/transfers", {"to": "c9", "points": 5}),
        "hold": ("/v1/loyalty/members/c8/redemptions", {"points": 100, "order_id": "o8", "order_total": 10_000}),
    }


async def test_no_call_about_one_member_reads_all_members(crowd: World) -> None:
    order = {
        "order_id": "new",
        "payment_state": "paid",
        "currency": "EUR",
        "lines": [{"line_id": "1", "quantity": 1, "unit_price": 100, "total": 100, "title": "A", "category_ids": []}],
        "total": 100,
        "placed_at": "2026-03-10T12:00:00Z",
    }
    me = crowd.service.customer("c7")
    read_all: dict[str, Mapping[str, int]] = {}
    calls = _calls(order)
    calls["hold"][1]["currency"] = "EUR"  # type: ignore[index]  # it has a body
    for name, (path, body) in calls.items():
        read_all |= await _sequential(crowd, crowd.client, name, path, body)
    for path in ("", "/transactions", "/rewards", "/redemptions", "/ways-to-earn"):
        read_all |= await _sequential(crowd, me, f"me{path}", f"/v1/loyalty/me{path}", None)
    assert read_all == {}


async def _sequential(
    crowd: World, client: httpx.AsyncClient, name: str, path: str, body: Json | None
) -> dict[str, Mapping[str, int]]:
    """The rows that a call read in sequential scans, by table; nothing where it used indexes."""
    before = await _counts(crowd)
    answer = await (client.get(path) if body is None else client.post(path, json=body))
    assert answer.is_success, f"{name}: {answer.text}"
    after = await _counts(crowd)
    found = {table: after[table] - before[table] for table in _BIG if after[table] - before[table] >= _SCANNED}
    return {name: found} if found else {}


async def _counts(crowd: World) -> dict[str, int]:
    """Rows read in sequential scans so far; the pools give the connections that were used last."""
    async with crowd.service.runtime.db.request("demo") as tx:
        await tx.execute("select pg_stat_force_next_flush()")
    async with crowd.service.runtime.db.work() as tx:
        await tx.execute("select pg_stat_force_next_flush()")
    async with crowd.service.runtime.db.work() as tx:
        rows = await tx.fetch(_READ, _BIG)
    return {row["relname"]: row["seq_tup_read"] for row in rows}
