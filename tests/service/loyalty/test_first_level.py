"""A level that asks for nothing is everybody's from the start, as Smile's and Voucherify's lowest tiers are."""

from datetime import timedelta
from typing import Any

from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import START, World, event, instant, line

LEVELS: list[dict[str, Any]] = [
    {"id": "bronze", "threshold": 0, "benefits": {"multiplier": "1.2"}},
    {"id": "silver", "threshold": 200, "benefits": {"multiplier": "1.5"}},
]


async def programmed(shop: World, **tiers: Any) -> None:
    await shop.program(tiers={"window": "calendar_year", "downgrade": "full", "levels": LEVELS, **tiers})


def goods(shop: World, amount: int) -> dict[str, Any]:
    times = {"placed_at": instant(shop.now), "updated_at": instant(shop.now)}
    return {"order_id": "9", "currency": "EUR", "lines": [line("1", amount)], "total": amount, **times}


async def test_the_first_order_has_the_first_levels_multiplier_as_its_preview_says(shop: World) -> None:
    await programmed(shop)
    body = {"order": goods(shop, 10_000), "customer_id": "c1"}
    assert (await shop.post("earn/preview", body))["points"] == 120
    await shop.order("1", 10_000)
    assert await shop.balance() == 120
    assert (await shop.post("earn/preview", body))["points"] == 120
    changes = [(one["from"], one["to"]) for one in await shop.told("tier.changed")]
    assert changes == [(None, "bronze")]


async def test_whoever_registers_is_on_the_first_level_and_listed_there(shop: World) -> None:
    await programmed(shop)
    data = {"customer_id": "c1", "updated_at": instant(shop.now)}
    await shop.take(event("customer.registered", data, at=shop.now))
    tier = (await shop.member())["tier"]
    assert (tier["id"], tier["next"]["id"], tier["next"]["points_needed"]) == ("bronze", "silver", 200)
    data = {"customer_id": "c2", "updated_at": instant(shop.now)}
    await shop.take(event("customer.registered", data, at=shop.now))
    await shop.work()
    listed = await shop.get("members", tier="bronze")
    assert {one["customer_id"] for one in listed["items"]} == {"c1", "c2"}


async def test_whoever_registers_is_on_it_since_then_however_late_the_job_is(shop: World) -> None:
    await programmed(shop, window="rolling_12m")
    await shop.work()
    data = {"customer_id": "c1", "updated_at": instant(shop.now)}
    await shop.take(event("customer.registered", data, at=shop.now))
    shop.clock.now += timedelta(days=3)
    await shop.work()
    tier = (await shop.member())["tier"]
    assert (tier["since"], tier["until"]) == ("2026-03-10T12:00:00Z", "2027-03-10T12:00:00Z")


async def test_whoever_was_there_before_the_level_is_on_it_since_the_program_has_it(shop: World) -> None:
    await shop.order("1", 10_000)
    shop.clock.now += timedelta(days=1)
    await programmed(shop, levels=[LEVELS[0], {**LEVELS[1], "threshold": 500}])
    shop.clock.now += timedelta(days=1)
    await shop.order("2", 10_000)  # before the review of all members
    assert (await shop.member())["tier"]["since"] == "2026-03-11T12:00:00Z"


async def test_an_unpaid_order_lets_its_buyer_start_too(shop: World) -> None:
    await programmed(shop)
    await shop.order("1", 10_000, payment_state="pending")
    assert await shop.tier() == "bronze"
    assert await shop.balance() == 0


async def test_a_customer_of_whom_nothing_is_known_reads_the_first_level(shop: World) -> None:
    await programmed(shop)
    tier = (await shop.get("me", client=shop.service.customer("nobody")))["tier"]
    assert (tier["id"], tier["next"]["points_needed"]) == ("bronze", 200)


async def test_a_preview_of_a_program_knows_the_first_level_of_everybody(shop: World) -> None:
    data = {"customer_id": "c2", "updated_at": instant(shop.now)}
    await shop.take(event("customer.registered", data, at=shop.now))
    await shop.order("1", 10_000)
    found = await shop.post("program/preview", {"program": {"tiers": {"window": "calendar_year", "levels": LEVELS}}})
    assert found["orders"]["points_after"] == 120
    assert found["tiers"]["after"] == {"bronze": 2}


async def test_a_balance_below_zero_is_on_no_level(shop: World) -> None:
    await shop.program(
        negative="allow", tiers={"basis": "balance", "window": "ever", "downgrade": "full", "levels": LEVELS}
    )
    await shop.adjust(-5)
    assert await shop.tier() is None
    await shop.adjust(5)
    assert await shop.tier() == "bronze"


async def test_entry_points_of_the_first_level_count_for_the_next(shop: World) -> None:
    levels = [{"id": "bronze", "threshold": 0, "entry": {"points": 50}}, {"id": "silver", "threshold": 150}]
    await programmed(shop, levels=levels)
    await shop.order("1", 10_000)
    assert (await shop.kinds(), await shop.tier()) == ([("earned", 50), ("earned", 100)], "silver")


async def test_a_batch_of_newcomers_ends_as_if_they_had_come_one_by_one(shop: World) -> None:
    """Somebody whom a batch makes has nothing to read; what they enter with counts all the same."""
    levels = [
        {"id": "bronze", "threshold": 0, "entry": {"points": 50}},
        {"id": "silver", "threshold": 150, "entry": {"points": 25}, "benefits": {"multiplier": "2"}},
    ]
    found = []
    for size in (1, 100):
        await empty(shop.service)
        shop.clock.now = START
        await shop.shop()
        await programmed(shop, levels=levels, window="rolling_12m")
        amounts = [(f"c{number % 7}", 1_000 + 2_500 * (number % 5)) for number in range(21)]
        events = [
            shop.order_event(f"o{number}", amount, customer, event_id=f"e{number}")
            for number, (customer, amount) in enumerate(amounts)
        ]
        for first in range(0, len(events), size):
            await shop.take(*events[first : first + size])
        await shop.check()
        stored = await shop.snapshot(("members", "lots", "entries", "orders", "tier_changes"))
        for row in stored["members"]:
            del row["due_at"]  # the next look, or an earlier instant
        changes = sorted(stored["tier_changes"], key=lambda row: (row["customer_id"], row.pop("place")))
        stored["tier_changes"] = changes
        found.append(stored)
    assert found[0] == found[1]
    assert {row["tier_id"] for row in found[0]["tier_changes"]} == {"bronze", "silver"}
