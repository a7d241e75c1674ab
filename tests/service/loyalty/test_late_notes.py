"""Whoever was erased stays forgotten: no event of an order from before brings its notes back, and points stay right."""

from datetime import timedelta
from typing import Any

import pytest

from comeback_kit.events import Event
from tests.service.loyalty.test_customers import customer, erased, merged
from tests.service.loyalty.test_forgotten_notes import NOTED, UNPAID, noted
from tests.service.loyalty.world import START, World, instant

GIFT: list[dict[str, Any]] = [{"id": "gift", "points": 1, "when": {"attributes": {"gift": "Zebedee"}}}]
MINUTE = timedelta(minutes=1)
OLD: dict[str, Any] = {"placed_at": START}


async def booked(shop: World, customer_id: str = "c1") -> tuple[int, int]:
    """The balance of somebody who may be erased, and how many lines the ledger has of them."""
    rows = await shop.snapshot(["members", "entries"])
    (member,) = [row for row in rows["members"] if row["customer_id"] == customer_id]
    return member["balance"], len([row for row in rows["entries"] if row["customer_id"] == customer_id])


def told_again(shop: World, how: str) -> Event:
    """An event of the order ``1``, which was placed before its buyer was erased."""
    if how == "the same":
        return shop.order_event("1", at=START, **OLD, **NOTED)
    if how == "older":
        return shop.order_event("1", at=START - MINUTE, **OLD, **NOTED)
    if how == "newer":
        return shop.order_event("1", **OLD, **NOTED)
    return shop.order_event("1", kind="order.cancelled", **OLD | UNPAID, state="cancelled")


@pytest.mark.parametrize("how", ["the same", "older", "newer", "cancelled"])
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("back", [False, True], ids=["gone", "back"])
async def test_no_event_of_an_order_from_before_brings_its_notes_back(
    shop: World, how: str, is_known: bool, back: bool
) -> None:
    """Also when the person has come back since."""
    if is_known:
        await shop.order("1", **NOTED)
    shop.clock.now += 10 * MINUTE
    await shop.take(erased(shop))
    shop.clock.now += 10 * MINUTE
    if back:
        await shop.order("2", 5_000)
        assert await shop.balance() == 50 + 100 * is_known
    await shop.take(told_again(shop, how))
    assert await noted(shop) == []
    points = 0 if how == "cancelled" else 100
    assert (await booked(shop))[0] == points + 50 * back


async def test_notes_of_what_is_ordered_afterwards_are_kept(shop: World) -> None:
    """Whoever buys again has come back, and may be asked for a gift's name."""
    await shop.program(rules=GIFT)
    await shop.take(erased(shop))
    shop.clock.now += MINUTE
    await shop.take(shop.order_event("1", **OLD, **NOTED), shop.order_event("2", **NOTED))
    assert await noted(shop) == ["2"]
    assert await shop.balance() == 200
    await shop.take(erased(shop))
    assert await noted(shop) == []


async def test_whoever_comes_back_by_saying_something_stays_forgotten_in_what_was_ordered_before(shop: World) -> None:
    await shop.take(erased(shop))
    shop.clock.now += MINUTE
    await shop.take(customer(shop, tags=["vip"]))
    await shop.order("1", **OLD, **NOTED)
    assert (await noted(shop), await shop.balance()) == ([], 100)


@pytest.mark.parametrize("names", ["ab", "ba"])
async def test_late_orders_under_every_name_of_who_was_erased(shop: World, names: str) -> None:
    await shop.take(erased(shop, "a"), merged(shop, names[0], names[1]))
    shop.clock.now += MINUTE
    await shop.take(*[shop.order_event(name, customer=name, **OLD, **NOTED) for name in names])
    assert await noted(shop) == []


async def test_points_for_what_was_forgotten_stay_and_are_taken_back_in_part(shop: World) -> None:
    await shop.program(rules=GIFT)
    await shop.order("1", **NOTED)
    shop.clock.now += MINUTE
    await shop.take(erased(shop))
    await shop.take(told_again(shop, "the same"))
    assert await booked(shop) == (100, 1)
    shop.clock.now += MINUTE
    await shop.refund("1", 4_000)
    assert await booked(shop) == (60, 2)
    await shop.take(told_again(shop, "the same"), told_again(shop, "older"))
    assert (await booked(shop), await noted(shop)) == ((60, 2), [])
    assert (await shop.get("orders/1/explanation"))["points"] == 60


async def test_an_order_that_first_comes_afterwards_earns_by_its_notes_and_they_go(shop: World) -> None:
    await shop.program(rules=GIFT)
    await shop.take(erased(shop))
    shop.clock.now += MINUTE
    await shop.order("1", **OLD, **NOTED)
    assert (await booked(shop), await noted(shop)) == ((100, 1), [])
    await shop.refund("1", 10_000)
    assert await booked(shop) == (0, 2)


async def test_a_later_snapshot_without_the_note_counts_without_it(shop: World) -> None:
    await shop.program(rules=GIFT)
    await shop.order("1", **NOTED)
    shop.clock.now += MINUTE
    await shop.take(erased(shop))
    await shop.order("1", **OLD, updated_at=instant(shop.now))
    assert await booked(shop) == (0, 2)


async def test_a_rule_that_asks_for_no_note_is_not_opened_by_forgetting_it(shop: World) -> None:
    """What an order says of itself is gone, not that it said something."""
    rules = [
        {"id": "plain", "kind": "fixed", "points": 7, "when": {"attributes": {"gift": None}}},
        {"id": "other", "kind": "fixed", "points": 5, "when": {"attributes": {"gift": "Zebedee", "wrap": None}}},
        {"id": "wrapped", "kind": "fixed", "points": 3, "when": {"attributes": {"gift": "Zebedee", "wrap": True}}},
    ]
    await shop.program(rules=rules)
    await shop.order("1", **NOTED)
    await shop.order("2")
    before = await booked(shop)
    assert before == (12, 2)
    await shop.take(erased(shop))
    shop.clock.now += MINUTE
    await shop.take(shop.refund_event("1", 1_000), shop.refund_event("2", 1_000))
    assert await booked(shop) == before
