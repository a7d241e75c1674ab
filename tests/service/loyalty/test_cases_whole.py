"""Worked examples of cases/loyalty.md with every number that they name."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx

from tests.service.loyalty.world import World


async def test_c31_a_hold_that_is_rolled_back_twice_gives_its_points_back_once(shop: World) -> None:
    await shop.program(expiry={"kind": "rolling", "months": 12})
    await shop.adjust(1000)
    (before,) = await shop.lots()
    held = await shop.pay(300, "X", status=201)
    assert await shop.numbers() == (700, 0, 300, 0)
    await shop.move_to(shop.now + timedelta(minutes=20))
    await shop.adjust(1, expires_at="2028-01-01T00:00:00Z")  # a later lot, which must not get them
    done = await shop.post(f"redemptions/{held['redemption_id']}/cancel", status=200)
    assert done["state"] == "cancelled"
    again = await shop.post(f"redemptions/{held['redemption_id']}/cancel", status=409)
    assert again["code"] == "redemption_not_held"
    assert await shop.numbers() == (1001, 0, 0, 0)
    lots = [(one["remaining"], one["expires_at"]) for one in await shop.lots()]
    assert lots == [(1000, before["expires_at"]), (1, "2028-01-01T00:00:00Z")]
    assert [one for one in await shop.kinds() if one[0] == "released"] == [("released", 300)]


async def test_c54_every_counter_of_a_wallet(shop: World) -> None:
    await shop.program(
        pending={"kind": "days", "days": 7}, expiry={"kind": "rolling", "months": 3, "round_to": "month_end"}
    )
    await shop.adjust(300, expires_at="2026-03-12T00:00:00Z")
    await shop.adjust(400, expires_at="2026-07-01T00:00:00Z")
    await shop.order("a", 4_000)
    await shop.move_to(datetime(2026, 3, 12, 12, tzinfo=UTC))
    await shop.order("b", 1_000)
    await shop.adjust(-30)
    held = await shop.pay(250)
    assert (await shop.member())["held"] == 250
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.move_to(datetime(2026, 3, 17, 13, tzinfo=UTC))

    kinds = await shop.kinds()
    moved = Counter[str]()
    for kind, points in kinds:
        moved[kind if points > 0 or kind != "adjusted" else "subtracted"] += points
    assert moved == {
        "adjusted": 700,
        "subtracted": -30,
        "pending_added": 50,
        "pending_activated": 40,
        "expired": -300,
        "held": -250,
        "spent": -250,
    }
    assert moved["adjusted"] + moved["pending_activated"] == 740
    member = await shop.member()
    assert (member["balance"], member["pending"], member["held"]) == (160, 10, 0)
    assert member["next_expiration"] == {"points": 160, "at": "2026-07-01T00:00:00Z"}
    assert member["next_activation"] == {"points": 10, "at": "2026-03-19T12:00:00Z"}
    assert member["lifetime_earned"] == 40


async def test_c68_five_hundred_spent_redemptions_are_given_back_once_by_twenty_workers(shop: World) -> None:
    await shop.adjust(1000)
    gate = asyncio.Semaphore(20)

    async def posted(path: str, body: object = None) -> httpx.Response:
        async with gate:
            return await shop.client.post(f"/v1/loyalty/{path}", json=body)

    async def spent(number: int) -> str:
        body = {"points": 2, "order_id": f"o{number}", "order_total": 1_000, "currency": "EUR"}
        held = (await posted("members/c1/redemptions", body)).json()["redemption_id"]
        assert (await posted(f"redemptions/{held}/confirm")).status_code == 200
        return str(held)

    ids = await asyncio.gather(*[spent(number) for number in range(500)])
    assert await shop.numbers() == (0, 0, 0, 0)
    queue = list(ids) * 2
    random.Random(7).shuffle(queue)
    answers = await asyncio.gather(*[posted(f"redemptions/{one}/return") for one in queue])
    assert Counter(one.status_code for one in answers) == {200: 500, 409: 500}
    assert await shop.numbers() == (1000, 0, 0, 0)


async def test_a_hundred_confirms_of_one_hold_spend_it_once(shop: World) -> None:
    await shop.adjust(100)
    held = await shop.pay(60)
    path = f"/v1/loyalty/redemptions/{held['redemption_id']}/confirm"
    answers = await asyncio.gather(*[shop.client.post(path) for _ in range(100)])
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 99}
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"redemption_not_held"}
    assert await shop.numbers() == (40, 0, 0, 0)
    assert await shop.kinds() == [("adjusted", 100), ("held", -60), ("spent", -60)]
