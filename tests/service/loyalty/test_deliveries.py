"""Points that wait for a delivery: each order's by its own, whatever else the member has that is due before."""

from datetime import timedelta

import pytest

from tests.service.loyalty.world import START, Json, World, instant


async def deliver(shop: World, order_id: str) -> None:
    """The order was delivered just now, as its event says."""
    now = instant(shop.now)
    more: Json = {"fulfilment_state": "delivered", "delivered_at": now, "updated_at": now}
    await shop.order(order_id, placed_at=START, kind="order.delivered", **more)


@pytest.mark.parametrize("later", [0, 3], ids=["at the same time", "days later"])
async def test_the_second_delivery_is_kept_though_the_first_is_due_before(shop: World, later: int) -> None:
    await shop.program(pending={"kind": "delivered", "days": 14})
    for order_id in ("1", "2"):
        await shop.order(order_id)
    shop.clock.now += timedelta(hours=1)
    await deliver(shop, "1")
    shop.clock.now += timedelta(days=later)
    await deliver(shop, "2")
    found = {one["lot_id"]: one["available_at"] for one in await shop.lots()}
    ends = START + timedelta(hours=1, days=14)
    assert found == {"order:1": instant(ends), "order:2": instant(ends + timedelta(days=later))}
    await shop.move_to(ends)
    assert await shop.numbers() == ((100, 100, 0, 0) if later else (200, 0, 0, 0))
    await shop.days(later)
    assert await shop.numbers() == (200, 0, 0, 0)


async def test_a_delivery_is_kept_though_a_warning_is_due_before(shop: World) -> None:
    await shop.program(pending={"kind": "delivered", "days": 14}, expiry={"kind": "rolling", "days": 40})
    await shop.adjust(5)
    await shop.order("1")
    shop.clock.now += timedelta(hours=1)
    await deliver(shop, "1")
    await shop.days(14)
    assert await shop.numbers() == (105, 0, 0, 0)
