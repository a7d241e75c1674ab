"""The same year lived with the work that is due done at once, once a month, or only in the end comes to the same."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from loyalty.occasions import DAY_TIMER
from tests.service.loyalty.lives import Happening, berlin, live, mornings, shop_in_berlin
from tests.service.loyalty.test_customers import merged
from tests.service.loyalty.world import Json, World, instant, world
from tests.support.postgres import TestServer

BEGIN = berlin("2031-01-01T09:00")
END = berlin("2032-02-01T00:05")
MONTHS = [*mornings(date(2031, 2, 1), date(2032, 1, 31), every=30), END]
DAYS_9 = {"kind": "days", "days": 9}
LEVELS: list[Json] = [
    {"id": "silver", "threshold": 100, "benefits": {"multiplier": "1.5"}, "entry": {"points": 15}},
    {"id": "gold", "threshold": 250, "benefits": {"multiplier": "2"}, "entry": {"points": 40}},
]
PROGRAMS: list[Json] = [
    {
        "pending": DAYS_9,
        "expiry": {"kind": "rolling", "months": 2, "round_to": "month_end"},
        "tiers": {"window": "calendar_year", "levels": LEVELS},
    },
    {
        "pending": DAYS_9,
        "expiry": {"kind": "sliding", "days": 45},
        "negative": "allow",
        "tiers": {"basis": "balance", "window": "ever", "grace": "P20D", "downgrade": "full", "levels": LEVELS},
    },
    {
        "pending": {"kind": "days", "days": 20},
        "expiry": {"kind": "rolling", "days": 50},
        "negative": "pending_only",
        "tiers": {"window": "month", "until": "end_of_next", "grace": "P45D", "levels": LEVELS},
    },
    {
        "pending": DAYS_9,
        "expiry": {"kind": "calendar", "round_to": "month_end"},
        "spent_points": "proportional",
        "rules": [{"id": "base"}, {"id": "first", "kind": "first_purchase", "points": 50}],
        "tiers": {"window": "rolling_12m", "levels": LEVELS},
    },
]
NAMES = ["calendar year", "balance", "month", "rolling year"]
MEMBERS = ("a", "b", "guest:1")
ORDERS = tuple("123456789")
Deed = tuple[int, str, str, str, int]
deeds = st.lists(
    st.tuples(
        st.integers(0, 390),
        st.sampled_from(["buys", "buys", "buys", "buys", "refunds", "cancels", "spends", "spends", "merges"]),
        st.sampled_from(MEMBERS),
        st.sampled_from(ORDERS),
        st.integers(1, 300),
    ),
    min_size=6,
    max_size=16,
)

FULL_LIFE: list[Deed] = [
    (0, "buys", "a", "1", 150),
    (20, "spends", "a", "1", 40),
    (30, "buys", "guest:1", "2", 130),
    (45, "refunds", "a", "1", 200),
    (100, "buys", "b", "3", 260),
    (105, "buys", "guest:1", "4", 90),
    (110, "merges", "guest:1", "1", 1),
    (114, "cancels", "b", "3", 1),
    (117, "merges", "guest:1", "1", 1),
    (120, "spends", "b", "2", 100),
    (121, "buys", "a", "5", 20),
    (330, "buys", "a", "6", 200),
    (350, "buys", "b", "7", 110),
    (380, "spends", "a", "3", 10),
]


def life_of(found: list[Deed]) -> list[Happening]:
    """Deeds at noon of their days, a minute apart, so that the order of one day is always the same."""
    placed: dict[str, tuple[datetime, str, int]] = {}
    life = []
    for minute, (day, kind, member, order, size) in enumerate(sorted(found)):
        at = berlin("2031-01-02") + timedelta(days=day, minutes=minute)
        if kind == "buys" and order not in placed:
            placed[order] = at, member, size * 100
        if kind in ("buys", "cancels", "refunds") and order not in placed:
            continue
        life.append(Happening(at, act_of(kind, member, order, size, placed.get(order))))
    return life


def act_of(
    kind: str, member: str, order: str, size: int, placed: tuple[datetime, str, int] | None
) -> Callable[[World], Awaitable[Any]]:
    """What one deed does; of an order that was placed before it is the order's buyer who does it."""

    async def act(shop: World) -> None:
        if kind == "merges":
            await shop.take(merged(shop, member, "b" if member != "b" else "a"))
        elif kind == "spends":
            await spend(shop, member, size, f"basket-{order}")
        elif placed is not None and kind == "refunds":
            await shop.refund(order, size * 50)
        elif placed is not None:
            at, buyer, amount = placed
            change = shop.order if kind == "buys" else shop.cancel_order
            await change(order, amount, buyer, placed_at=at)

    return act


async def spend(shop: World, member: str, points: int, basket: str) -> None:
    """Pay with so many points if they are there; refused or not, it has to be the same in every rhythm."""
    body = {"points": points, "order_id": f"{basket}-{instant(shop.now)}", "order_total": 10**6, "currency": "EUR"}
    answer = await shop.client.post(f"/v1/loyalty/members/{member}/redemptions", json=body)
    assert answer.status_code in (201, 404, 409), answer.text
    if answer.status_code == 201:
        await shop.post(f"redemptions/{answer.json()['redemption_id']}/confirm")


async def at_once(shop: World, life: list[Happening]) -> None:
    """Let everything happen, and do what is due of each member at the very instant."""
    for one in [*life, Happening(END, World.work)]:
        while (due := await first_due(shop)) is not None and due < one.at:
            await shop.move_to(max(due, shop.now))
        await live(shop, [one], [])


async def first_due(shop: World) -> datetime | None:
    async with shop.service.runtime.db.work() as tx:
        found: datetime | None = await tx.fetchval("select min(due_at) from members where merged_into is null")
    return found


# When it was posted, and so after what of another id that was merged; and the random ids.
UNSEEN: Json = {"created_at": None, "balance_after": None, "redemption_id": None}


async def outcome(shop: World) -> Json:
    """Everything that is seen and was told of the members."""
    found: Json = {"tiers": await tier_changes(shop), "told": await told(shop)}
    for name in MEMBERS:
        if (await shop.client.get(f"/v1/loyalty/members/{name}")).status_code == 200:
            rows = [one | UNSEEN for one in await shop.transactions(name)]
            lots = (await shop.get(f"members/{name}/lots", limit=100))["items"]
            found[name] = await shop.member(name), sorted(rows, key=itemgetter("id")), lots
    return found


async def tier_changes(shop: World) -> list[tuple[Any, ...]]:
    async with shop.service.runtime.db.work() as tx:
        rows = await tx.fetch("select customer_id, at, tier_id from tier_changes order by customer_id, place")
    return [tuple(row) for row in rows]


async def told(shop: World) -> dict[str, list[tuple[str, Json]]]:
    """The events of each member in their order; warnings are for those in time."""
    found: dict[str, list[tuple[str, Json]]] = {}
    for one in await shop.published():
        if one.type != "points.expiring":
            data = {**msgspec.json.decode(one.data), "redemption_id": None}
            found.setdefault(data["customer_id"], []).append((one.type, data))
    return found


Living = Callable[[Json, list[Happening]], dict[str, Json]]
Rhythm = Callable[[World, list[Happening]], Awaitable[None]]
RHYTHMS: dict[str, Rhythm] = {
    "at once": at_once,
    "once a month": lambda shop, life: live(shop, life, MONTHS),
    "in the end": lambda shop, life: live(shop, life, MONTHS[-1:]),
}


async def lived(shop: World, program: Json, life: list[Happening], rhythm: Rhythm) -> Json:
    async with shop_in_berlin(shop.service, shop.clock, BEGIN) as berlins:
        await berlins.program(**program)
        await berlins.work()
        async with shop.service.runtime.db.work() as tx:  # there are no birthdays here: the days need not be counted
            await tx.execute("delete from timers where kind = $1", DAY_TIMER)
        await rhythm(berlins, life)
        return await outcome(berlins)


@pytest.fixture
def living(postgres: TestServer) -> Iterator[Living]:
    """Lives one life in every rhythm."""
    with asyncio.Runner() as runner:
        context = world(postgres)
        shop = runner.run(context.__aenter__())

        def live_all(program: Json, life: list[Happening]) -> dict[str, Json]:
            return {name: runner.run(lived(shop, program, life, rhythm)) for name, rhythm in RHYTHMS.items()}

        yield live_all
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_a_full_life(living: Living, program: Json) -> None:
    lives = living(program, life_of(FULL_LIFE))
    levels = {level for _, _, level in lives["at once"]["tiers"]}
    kinds = {kind for events in lives["at once"]["told"].values() for kind, _ in events}
    assert {"silver", None} <= levels, "some are reached and lost"
    assert kinds == {"points.earned", "points.clawed_back", "points.redeemed", "points.expired", "tier.changed"}
    assert lives["once a month"] == lives["at once"]
    assert lives["in the end"] == lives["at once"]


@settings(
    max_examples=int(os.environ.get("LOYALTY_YEARS", "10")),  # a small profile; hundreds before a release
    phases=[Phase.generate],  # to shrink a year takes longer than to read it
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(program=st.sampled_from(PROGRAMS), found=deeds)
def test_a_random_life(living: Living, program: Json, found: list[Deed]) -> None:
    lives = living(program, life_of(found))
    assert lives["once a month"] == lives["at once"], (program, sorted(found))
    assert lives["in the end"] == lives["at once"], (program, sorted(found))
