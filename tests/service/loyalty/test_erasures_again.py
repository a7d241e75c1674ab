"""An erasure that is delivered again: whoever has come back since stays."""

from datetime import timedelta

from tests.service.loyalty.test_customers import customer, erased
from tests.service.loyalty.world import World, changes


async def test_an_erasure_that_comes_again_forgets_nobody_who_has_come_back(shop: World) -> None:
    await shop.order("1")
    first = erased(shop)
    await shop.take(first)
    await shop.get("members/c1", status=404)
    shop.clock.now += timedelta(days=1)
    await shop.take(customer(shop, tags=["vip"]))
    await shop.order("2")
    before = await shop.everything()
    await shop.take(first)
    assert changes(before, await shop.everything()) == []
    assert await shop.balance() == 200


async def test_a_later_erasure_forgets_them_again(shop: World) -> None:
    await shop.order("1")
    await shop.take(erased(shop))
    shop.clock.now += timedelta(days=1)
    await shop.order("2")
    assert await shop.balance() == 200
    shop.clock.now += timedelta(days=1)
    await shop.take(erased(shop))
    await shop.get("members/c1", status=404)
