"""Orders that never earned: nothing leads from a person to them, and what they say of the person goes all the same."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from comeback_kit.consumer import Context
from loyalty import orders, uncounted
from tests.service.loyalty.test_customers import erased, merged
from tests.service.loyalty.test_lock_order import handled, lock, waiting
from tests.service.loyalty.world import HANDLERS, World, event, instant

NOTED: dict[str, Any] = {"attributes": {"gift": "Zebedee"}}
UNPAID: dict[str, Any] = {"payment_state": "pending", **NOTED}


async def noted(shop: World) -> list[str]:
    """The orders that still have their notes."""
    rows = (await shop.snapshot(["orders"]))["orders"]
    return [row["order_id"] for row in rows if b"Zebedee" in row["state"]]


@pytest.mark.parametrize(
    "changes",
    [{}, {"state": "cancelled"}, {"is_test": True}, {"payment_state": "voided"}],
    ids=["unpaid", "canceled", "test", "voided"],
)
async def test_notes_of_an_order_that_never_earned_go_with_the_person(shop: World, changes: dict[str, Any]) -> None:
    await shop.order("1", customer="c1", **UNPAID | changes)
    await shop.order("2", customer="c12", **UNPAID)
    await shop.order("3", customer="c2", **UNPAID | {"attributes": {"gift": "Zebedee", "customer_id": "c1"}})
    await shop.order("4", customer=None, **UNPAID)
    await shop.take(erased(shop))
    assert await noted(shop) == ["2", "3", "4"]
    await shop.take(erased(shop, "c12"), erased(shop, "c2"))
    assert await noted(shop) == ["4"]


@pytest.mark.parametrize("name", ['quo"ted', "ünï", "back\\slash", "\u0085next", "50%_", "two words"])
async def test_whoever_is_forgotten_is_found_by_any_id(shop: World, name: str) -> None:
    await shop.order("1", customer=name, **UNPAID)
    await shop.order("2", customer="c1", **UNPAID | {"attributes": {"gift": "Zebedee\u0001"}})
    await shop.take(erased(shop, name))
    assert await noted(shop) == ["2"]
    assert [one["order_id"] for one in (await shop.get("members/c1/export"))["orders"]] == ["2"]
    await shop.take(erased(shop, "c1"))
    assert await noted(shop) == []


@pytest.mark.parametrize("together", [False, True])
async def test_notes_under_every_name_of_a_person_go(shop: World, together: bool) -> None:
    await shop.order("1", customer="guest:1", **UNPAID)
    await shop.order("2", customer="c1", **UNPAID)
    await shop.order("3", customer="c2", **UNPAID)
    await shop.take(merged(shop, "guest:1", "c1"), erased(shop, "guest:1"), together=together)
    assert await noted(shop) == ["3"]


async def test_notes_of_who_was_one_with_the_erased_go_though_it_is_told_late(shop: World) -> None:
    await shop.order("1", customer="guest:1", **UNPAID)
    await shop.order("2", customer="guest:2", **UNPAID)
    await shop.order("3", customer="c2", **UNPAID)
    await shop.take(merged(shop, "guest:2", "guest:1"))
    late = event("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(shop.now)}, at=shop.now)
    shop.clock.now += timedelta(days=1)
    await shop.take(erased(shop))
    await shop.take(late)
    assert await noted(shop) == ["3"]


async def test_an_order_of_another_shop_keeps_its_notes(shop: World) -> None:
    await shop.order("1", **UNPAID)
    await shop.order("2", shop="late", **NOTED)
    await shop.take(erased(shop))
    assert await noted(shop) == ["2"]
    await shop.shop("late")


async def test_an_order_that_never_earned_is_locked_before_its_erased_buyer(shop: World) -> None:
    await shop.order("1", 10_000, "b", **UNPAID)
    await shop.adjust(5, "b")
    async with shop.service.runtime.db.work() as tx:
        await orders.lock(tx, [("demo", "1")])
        batch = await waiting(handled(shop, "customers", erased(shop, "b")))
        await lock(shop, tx, "b")
    await asyncio.wait_for(batch, 5)
    assert await noted(shop) == []


async def test_an_order_that_was_paid_while_the_erasure_waited_loses_its_notes_and_earns(shop: World) -> None:
    await shop.order("1", 10_000, **UNPAID)
    runtime = shop.service.runtime
    shop.clock.now += timedelta(seconds=1)
    paid = shop.order_event("1", 10_000, **NOTED)
    async with runtime.db.work() as tx:
        await HANDLERS["orders"](tx, [paid], Context(shop.now, runtime))
        batch = await waiting(handled(shop, "customers", erased(shop)))
    await asyncio.wait_for(batch, 5)
    assert await noted(shop) == []
    assert (await shop.get("reports/liability"))["points"] == 100


async def test_the_orders_are_read_through_once_for_all_who_are_erased_and_for_nobody_else(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = uncounted.find, []

    async def noting(tx: Any, people: Any) -> Any:
        asked.append(sorted(name for _, name in people))
        return await real(tx, people)

    monkeypatch.setattr(uncounted, "find", noting)
    for name in ("a", "b", "c"):
        await shop.order(name, customer=name, **UNPAID)
    await shop.take(merged(shop, "d", "c"))
    assert asked == []
    await shop.take(*[erased(shop, name) for name in ("a", "b", "d")])
    assert asked == [["a", "b", "c", "d"]]
    assert await noted(shop) == []
