"""A shop's clock may be wrong by years: an order dated in the future counts as of when the shop spoke of it."""

import itertools
from datetime import timedelta

import pytest

from recommendations.service_state import state_of
from tests.service.recommendations.conftest import T0
from tests.service.recommendations.feeding import Shop, ids
from tests.support.apps import Clock


async def trending(shop: Shop) -> dict[str, float]:
    answer = await shop.get("customers/nobody", kind="trending")
    return {item["product_id"]: item["score"] for item in answer["items"]}


async def placed(shop: Shop, order_id: str) -> float:
    memory = await state_of(shop.service.runtime).shops.get("demo")
    return float(memory.engine.orders.at.data[memory.engine.orders.slots[order_id]])


async def test_it_does_not_make_nothing_of_all_others(shop: Shop) -> None:
    await shop.base()
    before = await trending(shop)
    future = (T0 + timedelta(days=4000)).isoformat()
    await shop.orders(shop.order("far", "DE", placed_at=future))
    after = await trending(shop)
    assert {name: after[name] for name in "ABC"} == pytest.approx({name: before[name] for name in "ABC"})
    assert after["E"] == pytest.approx(before["D"])
    assert "A" in ids(await shop.basket(product_ids=["B"]))
    await shop.orders(shop.order("far", "DE", placed_at=future, state="cancelled", updated_at=shop.t0.isoformat()))
    assert await trending(shop) == pytest.approx(before)


async def test_it_counts_at_the_latest_now_whatever_else_is_said(shop: Shop, clock: Clock) -> None:
    future = (T0 + timedelta(days=4000)).isoformat()
    await shop.orders(shop.order("far", "AB", placed_at=future, updated_at=future))
    assert await placed(shop, "far") == clock.now.timestamp()


async def test_a_clock_that_is_ahead_by_minutes_is_believed(shop: Shop) -> None:
    ahead = shop.later(minutes=9)
    await shop.orders(shop.order("near", "AB", at=ahead))
    assert await placed(shop, "near") == ahead.timestamp()


async def test_the_order_of_arrival_does_not_show(shop: Shop, clock: Clock) -> None:
    told = [shop.later(minutes=minutes) for minutes in (-30, -20, -10)]
    future = [(T0 + timedelta(days=days)).isoformat() for days in (4000, 300, 800)]
    found = set()
    for number, arrival in enumerate(itertools.permutations(range(3))):
        for which in arrival:
            said = {"placed_at": future[which], "updated_at": told[which].isoformat()}
            await shop.orders(shop.order(f"far{number}", "AB", **said))
            clock.now += timedelta(minutes=1)
        found.add(await placed(shop, f"far{number}"))
    assert found == {told[2].timestamp()}
