"""The preview of a program: whom it moves to another tier, in steps that write nothing of the members."""

from typing import Any

import pytest

from comeback_kit import timer_runner
from loyalty import consumers
from loyalty.jobs import STEP_TIMER
from tests.service.loyalty.test_customers import merged
from tests.service.loyalty.world import World

LEVELS: list[dict[str, Any]] = [
    {"id": "bronze", "threshold": 0},
    {"id": "silver", "threshold": 100},
    {"id": "gold", "threshold": 250},
]
BALANCE = {"basis": "balance", "window": "ever", "downgrade": "full", "levels": LEVELS}
HELD: dict[str, dict[str, Any]] = {
    "grace": {**BALANCE, "grace": "P1M"},
    "no downgrade": {**BALANCE, "downgrade": "none"},
    "refund": {**BALANCE, "basis": "points", "downgrade": "none"},
}
TABLES = ("members", "lots", "entries", "orders", "redemptions", "usage", "tier_changes", "profiles", "outbox", "audit")


async def hold_gold(shop: World, kind: str) -> None:
    """The member is in gold for what was there once."""
    await shop.program(tiers=HELD[kind])
    if kind == "refund":
        await shop.order("1", 25_000)
        await shop.days(1)
        await shop.refund("1", 20_000)
    else:
        await shop.adjust(250)
        await shop.days(1)
        await shop.adjust(-200)
    assert await shop.tier() == "gold"


async def tiers_of(shop: World, **program: Any) -> dict[str, Any]:
    before = await shop.snapshot(TABLES)
    found: dict[str, Any] = (await shop.post("program/preview", {"program": program}))["tiers"]
    assert await shop.snapshot(TABLES) == before
    return found


@pytest.mark.parametrize("kind", HELD)
async def test_the_program_in_force_moves_nobody(shop: World, kind: str) -> None:
    await hold_gold(shop, kind)
    found = await tiers_of(shop, tiers=HELD[kind])
    assert (found["moves"], found["after"]) == ([], {"gold": 1})


@pytest.mark.parametrize("kind", HELD)
async def test_other_points_move_nobody_down_whose_tier_was_kept(shop: World, kind: str) -> None:
    await hold_gold(shop, kind)
    await shop.order("2", 6_000)
    for points in (0, 2):
        assert (await tiers_of(shop, rules=[{"id": "base", "points": points}], tiers=HELD[kind]))["moves"] == []
    await shop.order("3", 25_000, customer="c2")
    found = await tiers_of(shop, rules=[], tiers=HELD[kind])
    assert found["moves"] == [{"from": "gold", "to": "bronze", "members": 1}]


@pytest.mark.parametrize("kind", HELD)
async def test_other_levels_move_whom_they_reach(shop: World, kind: str) -> None:
    await hold_gold(shop, kind)
    await shop.adjust(100, "c2") if kind != "refund" else await shop.order("2", customer="c2")
    above = [*LEVELS, {"id": "platinum", "threshold": 1000}]
    assert (await tiers_of(shop, tiers={**HELD[kind], "levels": above}))["moves"] == []
    higher = [LEVELS[0], {"id": "silver", "threshold": 120}, LEVELS[2]]
    found = await tiers_of(shop, tiers={**HELD[kind], "levels": higher})
    assert found["moves"] == [{"from": "silver", "to": "bronze", "members": 1}]
    assert (await tiers_of(shop))["after"] == {"none": 2}


async def test_the_program_in_force_moves_nobody_whose_orders_would_earn_more_in_the_tier_of_now(shop: World) -> None:
    silver = {"id": "silver", "threshold": 150, "benefits": {"multiplier": "2"}}
    tiers = {"window": "ever", "levels": [LEVELS[0], silver, {"id": "gold", "threshold": 300}]}
    await shop.program(tiers=tiers)
    for number in range(2):
        await shop.order(str(number))
    assert await shop.tier() == "silver"
    assert (await tiers_of(shop, tiers=tiers))["moves"] == []


async def test_orders_under_an_id_that_was_merged_since_are_of_the_member_that_stays(shop: World) -> None:
    await shop.program(tiers={"window": "ever", "levels": LEVELS})
    await shop.order("1", customer="a")
    await shop.take(merged(shop, "a", "b"))
    await shop.order("2", 1_000, customer="a")
    await shop.order("3", 1_000, customer="b")
    once = {"id": "once", "kind": "fixed", "points": 131, "limit": {"times": 1, "period": "ever"}}
    program = {"rules": [{"id": "base"}, once], "tiers": {"window": "ever", "levels": LEVELS}}
    found = await shop.post("program/preview", {"program": program})
    assert [(one["order_id"], one["points_after"]) for one in found["orders"]["changes"]] == [("1", 231)]
    assert found["tiers"]["moves"] == [{"from": "silver", "to": "gold", "members": 1}]


async def step(shop: World) -> None:
    """One step of the job, and nothing else that is due."""
    runner = timer_runner.TimerRunner(shop.service.runtime, consumers.TIMERS)
    assert await runner._attempt(STEP_TIMER, consumers.TIMERS[STEP_TIMER], shop.now, timer_runner._CLAIM, 500) == 1


async def test_a_large_preview_says_how_far_it_is_and_writes_nothing(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loyalty.program_preview.SMALL", 2)
    monkeypatch.setattr("loyalty.program_preview._CHUNK", 2)
    await shop.program(tiers={"window": "ever", "levels": LEVELS})
    await shop.take(*[shop.order_event(str(number), 10_000, customer=f"c{number}") for number in range(5)])
    await shop.work()
    before = await shop.snapshot(TABLES)
    program = {"rules": [{"id": "base", "points": 3}], "tiers": {"window": "ever", "levels": LEVELS}}
    job = await shop.post("program/preview", {"program": program}, status=202)
    seen = []
    for _ in range(4):
        await step(shop)
        found = await shop.get(f"jobs/{job['job_id']}")
        seen.append((found["state"], found["done"], found["total"]))
        assert await shop.snapshot(TABLES) == before
    assert seen == [("running", 0, 5), ("running", 2, 5), ("running", 4, 5), ("done", 5, 5)]
    assert found["result"]["tiers"]["moves"] == [{"from": "silver", "to": "gold", "members": 5}]
