"""Rewards that are given for reaching a tier: also the one that every new shop has, and how they end."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from comeback_kit import migrate
from loyalty.shops import FIRST_REWARD
from tests.service.loyalty.test_customers import erased
from tests.service.loyalty.world import Json, World


def giving(*reward_ids: str) -> Json:
    """Tiers with one level, which is reached by the first order."""
    levels = [{"id": "silver", "threshold": 50, "entry": {"reward_ids": reward_ids}}]
    return {"basis": "points", "window": "ever", "levels": levels}


async def gift(shop: World, stock: int = 5) -> None:
    body = {"reward_id": "gift", "kind": "amount_off", "name": "Gift", "points": 100, "value": 500, "stock": stock}
    await shop.post("rewards", body)


async def states(shop: World, customer_id: str = "c1") -> list[tuple[str, str]]:
    items = (await shop.get(f"members/{customer_id}/redemptions"))["items"]
    return [(one["reward_id"], one["state"]) for one in items]


async def test_the_reward_of_a_new_shop_can_be_given(shop: World) -> None:
    await shop.program(tiers=giving(FIRST_REWARD))
    await shop.order("1")
    (one,) = (await shop.get("members/c1/redemptions"))["items"]
    assert (one["reward_id"], one["state"], one["value"], one["currency"]) == (FIRST_REWARD, "held", 500, "EUR")
    assert await shop.tier() == "silver"


async def test_a_gift_that_nobody_uses_ends_after_a_year_and_is_in_stock_again(shop: World) -> None:
    await gift(shop)
    await shop.program(tiers=giving("gift"))
    await shop.order("1")
    await shop.days(364)
    assert await states(shop) == [("gift", "held")]
    assert (await shop.get("rewards/gift"))["stock"] == 4
    await shop.days(1)
    assert await states(shop) == [("gift", "expired")]
    assert (await shop.get("rewards/gift"))["stock"] == 5


@pytest.mark.parametrize("spent", [True, False], ids=["spent", "of somebody who was erased"])
async def test_a_gift_that_ended_otherwise_stays_as_it_is(shop: World, spent: bool) -> None:
    await gift(shop)
    await shop.program(tiers=giving("gift"))
    await shop.order("1")
    (one,) = (await shop.get("members/c1/redemptions"))["items"]
    if spent:
        await shop.post(f"redemptions/{one['redemption_id']}/confirm")
    else:
        shop.clock.now += timedelta(hours=1)
        await shop.take(erased(shop))
    await shop.days(366)
    found = await shop.get(f"redemptions/{one['redemption_id']}")
    assert found["state"] == ("spent" if spent else "expired")


async def test_a_gift_that_was_given_before_gifts_had_timers_ends_too(shop: World) -> None:
    await gift(shop)
    await shop.program(tiers=giving("gift"))
    for name in ("c1", "c2"):
        await shop.order(name, customer=name)
    (spent,) = (await shop.get("members/c2/redemptions"))["items"]
    await shop.post(f"redemptions/{spent['redemption_id']}/confirm")
    (kept,) = await timers(shop)
    url = shop.service.database_url
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("delete from timers; update alembic_version set version_num = '0003'")
        await migrate.upgrade(url, "loyalty", "loyalty")
        await connection.execute("update alembic_version set version_num = '0003'")
        await migrate.upgrade(url, "loyalty", "loyalty")
        forced = "select bool_and(relforcerowsecurity) from pg_class where relname in ('redemptions', 'timers')"
        assert await connection.fetchval(forced)
    finally:
        await connection.close()
    assert await timers(shop) == [kept]
    await shop.days(365)
    assert await states(shop) == [("gift", "expired")]
    assert (await shop.get("rewards/gift"))["stock"] == 4


async def timers(shop: World) -> list[tuple[Any, ...]]:
    """The ends of holds that are still to come."""
    async with shop.service.runtime.db.work() as tx:
        return [tuple(row) for row in await tx.fetch("select * from timers where kind = 'redemption_expires'")]
