"""A shop's event that failed leaves nothing in the memory of the process."""

import contextlib

from comeback_kit.consumer import Context
from loyalty import shops
from tests.service.loyalty.world import World, event


async def test_a_currency_that_was_rolled_back_does_not_settle_the_orders_that_wait(shop: World) -> None:
    await shop.order("1", 10_000, shop="late")
    said = {"shop_id": "late", "name": "Late", "time_zone": "UTC", "locale": "en"}
    wrong, right = [
        event("shop.upserted", {**said, "currency": currency}, at=shop.now, shop="late") for currency in ("USD", "EUR")
    ]
    runtime = shop.service.runtime
    with contextlib.suppress(ConnectionResetError):
        async with runtime.db.work() as tx:
            await shops.upsert(tx, [wrong], Context(shop.now, runtime))
            raise ConnectionResetError("lost before the commit")
    await shop.take(right)
    assert (await shop.get("members/c1", client=shop.service.client("late")))["balance"] == 100
