"""What tiers count of a lot is the same whether PostgreSQL counts or the lot is in memory."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from loyalty import tier_counts
from loyalty.books import LotRow
from tests.service.loyalty.world import START, World, world
from tests.support.postgres import TestServer

BASES = ("points", "spend", "orders")
_ASKED = f"""
select {tier_counts.VALUE % "b.basis"} as value, {tier_counts.COUNTS_AT % "b.basis"} as at
from unnest($1::lot_write[]) with ordinality l(shop_id, customer_id, lot_id, order_id, program_version, earned, clawed,
    shortfall, remaining, held, expired, active, scored, spend, orders, warned, earned_at, available_at, expires_at,
    place), unnest($2::text[]) with ordinality b(basis, n)
order by l.place, b.n"""
_POINTS = st.integers(0, 10**12)
_INSTANT = st.integers(-500, 500).map(lambda days: START + timedelta(days=days))


@st.composite
def lots(draw: st.DrawFn) -> LotRow:
    lot = LotRow.new(
        "lot",
        program_version=1,
        earned_at=draw(_INSTANT),
        available_at=draw(st.none() | _INSTANT),
        expires_at=None,
        now=START,
        scored=draw(st.booleans()),
    )
    lot.active, lot.earned, lot.clawed = draw(st.booleans()), draw(_POINTS), draw(_POINTS)
    lot.shortfall, lot.spend, lot.orders = draw(st.integers(-100, 100)), draw(_POINTS), draw(st.integers(-1, 2))
    return lot


@pytest.fixture(scope="module")
def lone(postgres: TestServer) -> Iterator[tuple[asyncio.Runner, World]]:
    with asyncio.Runner() as runner:
        context = world(postgres)
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@given(found=st.lists(lots(), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_postgres_counts_a_lot_as_it_is_counted_in_memory(
    lone: tuple[asyncio.Runner, World], found: list[LotRow]
) -> None:
    runner, shop = lone
    told = runner.run(_counted(shop, found))
    assert told == [(tier_counts.value_of(one, lot), tier_counts.moment_of(one, lot)) for lot in found for one in BASES]


async def _counted(shop: World, found: list[LotRow]) -> list[tuple[Any, ...]]:
    rows = [("demo", "c1", *lot.values()) for lot in found]
    async with shop.service.runtime.db.work() as tx:
        return [tuple(row) for row in await tx.fetch(_ASKED, rows, list(BASES))]
