"""A batch is settled in steps, and written meanwhile: how long the steps are changes nothing."""

import random
from typing import Any

import pytest

from comeback_kit.events import Event
from loyalty import earning
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import START, World

_PROGRAM: dict[str, Any] = {
    "rules": [
        {"id": "base", "kind": "per_amount", "points": 1, "per": 100},
        {"id": "first", "kind": "first_purchase", "points": 100},
        {"id": "twice", "kind": "fixed", "points": 7, "limit": {"times": 2, "period": "month"}},
    ],
    "tiers": {
        "basis": "points",
        "window": "rolling_12m",
        "levels": [
            {"id": "bronze", "name": "Bronze", "threshold": 0},
            {"id": "silver", "name": "Silver", "threshold": 150, "benefits": {"multiplier": "1.5"}},
            {"id": "gold", "name": "Gold", "threshold": 400, "benefits": {"multiplier": "2"}},
        ],
    },
}
_TABLES = ("members", "lots", "entries", "orders", "usage", "tier_changes")


def _story(shop: World, rng: random.Random) -> list[Event]:
    """Orders of a few members, who meet again and again, with refunds and cancellations among them."""
    events = []
    for number in range(40):
        customer, amount = f"c{rng.randrange(5)}", rng.randrange(100, 9_000)
        events.append(shop.order_event(f"o{number}", amount, customer, event_id=f"e{number}"))
        other = rng.randrange(number + 1)
        if rng.random() < 0.3:
            events.append(shop.refund_event(f"o{other}", rng.randrange(1, 3_000), f"r{number}"))
    return events


@pytest.mark.parametrize("seed", range(3))
async def test_steps_of_any_length_write_the_same(shop: World, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    found = []
    for step in (1, 3, 1000):
        monkeypatch.setattr(earning, "STEP", step)
        await empty(shop.service)
        shop.clock.now = START
        await shop.shop()
        await shop.program(**_PROGRAM)
        events = _story(shop, random.Random(seed))
        await shop.take(*events[:30])
        await shop.take(*events[30:])
        await shop.check()
        found.append((await shop.snapshot(_TABLES), [one.data for one in await shop.published()]))
    assert found[0] == found[1] == found[2]
    assert found[0][0]["tier_changes"], "somebody rose"
