"""The same events in another order of arrival, several times, in other batches: the same points (contract §4).

Two shops hear the same. One hears everything once, in the order in which it happened. The other hears each stretch of
it in any order, with some of it again and with older events in between. Between the stretches both spend the same, and
the same time passes: "for the same spends between the same events the result does not depend on arrival".
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings

from comeback_kit.events import Event
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import START, World, line, world
from tests.support.postgres import TestServer

HISTORIES = int(os.environ.get("LOYALTY_HISTORIES", "30"))
MEMBERS = ("a", "b")
ORDERS = ("1", "2", "3")
# What depends on the member (tiers, first purchase, limits, caps) is fixed by whichever order comes first: not here.
PROGRAMS: list[dict[str, Any]] = [
    {},
    {"negative": "allow"},
    {"negative": "allow", "expiry": {"kind": "rolling", "days": 12}},
    {"pending": {"kind": "days", "days": 3}, "expiry": {"kind": "rolling", "days": 20}, "spent_points": "proportional"},
    {"clawback_mode": "proportional", "rounding": "half_up", "spent_points": "never"},
    {"negative": "pending_only", "pending": {"kind": "days", "days": 400}},
    {"earn_on": "placed", "rules": [{"id": "base"}, {"id": "double", "kind": "multiplier", "factor": "1.5"}]},
]


_OF_MEMBER = ("balance", "pending", "held", "shortfall", "next_expiration", "next_activation")
_OF_ORDER = ("points", "shortfall", "customer_id")
# What has run out unused is not taken back (contract §4): of an order that came when its points had already run out it
# shows whether its refund came before it.
_LIFETIME = ("lifetime_earned",)
_SETTLED = ("settled",)


class Told(NamedTuple):
    """One thing that happens to an order; ``amount`` in hundreds of minor units."""

    order: str
    amount: int
    member: str | None = None
    is_paid: bool = True
    is_open: bool = True
    refund: str | None = None


class Stretch(NamedTuple):
    """Events, what comes again of them, how they are ordered and batched elsewhere, and what happens after them."""

    told: list[Told]
    shuffle: list[int]
    batches: list[int]
    spender: str
    percent: int
    pays_for: str | None
    days: int


_ORDER = st.builds(
    Told,
    order=st.sampled_from(ORDERS),
    amount=st.integers(0, 200),
    member=st.sampled_from([*MEMBERS, *MEMBERS, None]),
    is_paid=st.sampled_from([True, True, False]),
    is_open=st.sampled_from([True, True, True, False]),
)
_REFUND = st.builds(
    Told, order=st.sampled_from(ORDERS), amount=st.integers(1, 150), refund=st.sampled_from(["r1", "r2", "r3"])
)
_STRETCH = st.builds(
    Stretch,
    told=st.lists(st.one_of(_ORDER, _ORDER, _REFUND), min_size=1, max_size=6),
    shuffle=st.lists(st.integers(0, 1000), min_size=12, max_size=12),
    batches=st.lists(st.integers(1, 4), min_size=12, max_size=12),
    spender=st.sampled_from(MEMBERS),
    percent=st.sampled_from([0, 10, 50, 90, 100]),
    pays_for=st.sampled_from([None, *ORDERS]),
    days=st.sampled_from([0, 1, 5, 15]),
)


@pytest.fixture
def lone(postgres: TestServer) -> Iterator[tuple[asyncio.Runner, World]]:
    with asyncio.Runner() as runner:
        context = world(postgres)
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@given(program=st.sampled_from(PROGRAMS), life=st.lists(_STRETCH, min_size=2, max_size=4))
@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=(Phase.generate, Phase.shrink),
)
@pytest.mark.timeout(3000)
def test_the_order_of_arrival_does_not_show(
    lone: tuple[asyncio.Runner, World], program: dict[str, Any], life: list[Stretch]
) -> None:
    runner, shop = lone
    note(f"{program}")
    for one in life:
        note(f"{one}")
    runner.run(_live(shop, program, life))


async def _live(shop: World, program: dict[str, Any], life: list[Stretch]) -> None:
    await empty(shop.service)
    shop.clock.now = START
    twins = [Twin(shop, name) for name in ("straight", "shuffled")]
    for twin in twins:
        await twin.open(program)
    number = itertools.count(1)
    for place, stretch in enumerate(life):
        numbered = [(next(number), one) for one in stretch.told]
        await twins[0].hear(numbered)
        await twins[1].hear_shuffled(numbered, stretch)
        assert await twins[1].state() == await twins[0].state()
        spends = await twins[0].balance(stretch.spender) * stretch.percent // 100
        if spends > 0:
            for twin in twins:
                await twin.spend(stretch.spender, spends, stretch.pays_for or f"x{place}")
            event("points were spent")
        shop.clock.now += timedelta(days=stretch.days)
        await shop.work()
        assert await twins[1].state() == await twins[0].state()
    await shop.check()


class Twin:
    """One of the two shops."""

    def __init__(self, shop: World, name: str) -> None:
        self.shop = shop
        self.name = name
        self.heard: list[Event] = []
        self.client = shop.service.client(name)
        self.nothing_runs_out = True

    async def open(self, program: dict[str, Any]) -> None:
        self.nothing_runs_out = "expiry" not in program
        await self.shop.shop(self.name)
        answer = await self.client.put("/v1/loyalty/program", json=program)
        assert answer.status_code == 200, answer.text
        for member in MEMBERS:
            await self.shop.order(f"0{member}", 5_000, customer=member, shop=self.name)

    async def hear(self, told: list[tuple[int, Told]]) -> None:
        for number, one in told:
            await self.shop.take(self._event(number, one))

    async def hear_shuffled(self, told: list[tuple[int, Told]], stretch: Stretch) -> None:
        """In another order, with some of it and of older events again, in batches."""
        new = [self._event(number, one) for number, one in told]
        self.heard += new
        again = [self.heard[place % len(self.heard)] for place in stretch.shuffle[: len(new)]]
        ranks = itertools.cycle(stretch.shuffle)
        coming = [one for _, _, one in sorted((next(ranks), place, one) for place, one in enumerate(new + again))]
        for size in itertools.cycle(stretch.batches):
            if not coming:
                return
            await self.shop.take(*coming[:size])
            coming = coming[size:]

    def _event(self, number: int, one: Told) -> Event:
        at = self.shop.now + timedelta(microseconds=number)
        if one.refund is not None:
            refund = f"{one.order}{one.refund}"
            return self.shop.refund_event(one.order, one.amount * 100, refund, at=at, shop=self.name)
        placed = START + timedelta(hours=ORDERS.index(one.order))
        return self.shop.order_event(
            one.order,
            customer=one.member,
            lines=[line("1", one.amount * 60), line("2", one.amount * 40)],
            payment_state="paid" if one.is_paid else "pending",
            state="open" if one.is_open else "cancelled",
            placed_at=placed,
            at=at,
            shop=self.name,
        )

    async def balance(self, member: str) -> int:
        """What somebody can spend; 0 of whom nothing is known."""
        answer = await self.client.get(f"/v1/loyalty/members/{member}")
        return int(answer.json()["balance"]) if answer.status_code == 200 else 0

    async def spend(self, member: str, points: int, order: str) -> None:
        """Pay for an order with points."""
        body = {"points": points, "order_id": order, "order_total": 1_000_000, "currency": "EUR"}
        held = await self.client.post(f"/v1/loyalty/members/{member}/redemptions", json=body)
        assert held.status_code == 201, held.text
        confirmed = await self.client.post(f"/v1/loyalty/redemptions/{held.json()['redemption_id']}/confirm", json={})
        assert confirmed.status_code == 200, confirmed.text

    async def state(self) -> dict[str, Any]:
        """What members have and what orders came to."""
        found: dict[str, Any] = {}
        for member in MEMBERS:
            answer = await self.client.get(f"/v1/loyalty/members/{member}")
            found[member] = [
                answer.json()[name] for name in (*_OF_MEMBER, *(_LIFETIME if self.nothing_runs_out else ()))
            ]
        for order in ORDERS:
            answer = await self.client.get(f"/v1/loyalty/orders/{order}/explanation")
            if answer.status_code == 200:
                told = answer.json()
                found[order] = [told[name] for name in (*_OF_ORDER, *(_SETTLED if self.nothing_runs_out else ()))]
        return found
