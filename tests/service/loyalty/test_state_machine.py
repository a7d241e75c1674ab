"""Random histories on PostgreSQL; the invariants of cases §H after every step."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from comeback_kit.events import Event
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import START, World, event, instant, line, world
from tests.support.postgres import TestServer

MEMBERS = st.sampled_from(["a", "b", "c"])
ORDERS = st.sampled_from(["1", "2", "3", "4", "5"])
MODES = st.sampled_from(["clamp", "allow", "pending_only"])
PROGRAMS: list[dict[str, Any]] = [
    {},
    {"pending": {"kind": "days", "days": 3}, "expiry": {"kind": "rolling", "days": 20}, "spent_points": "proportional"},
    {
        "tiers": {
            "basis": "points",
            "window": "month",
            "downgrade": "full",
            "levels": [{"id": "s", "threshold": 80, "benefits": {"multiplier": "2"}, "entry": {"points": 7}}],
        },
        "caps": [{"points": 150, "period": "day"}],
        "clawback_mode": "proportional",
    },
    {
        "pending": {"kind": "days", "days": 3},
        "tiers": {
            "basis": "points",
            "window": "month",
            "downgrade": "full",
            "levels": [{"id": "s", "threshold": 40, "benefits": {"multiplier": "2"}}],
        },
    },
    {"expiry": {"kind": "sliding", "days": 10}, "rules": [{"id": "first", "kind": "first_purchase", "points": 40}]},
    {"pending": {"kind": "until", "until": "2026-03-14T12:00:00Z"}, "expiry": {"kind": "rolling", "days": 8}},
    {"pending": {"kind": "delivered", "days": 2}, "expiry": {"kind": "rolling", "days": 15}},
]


class Ledger(RuleBasedStateMachine):
    """Operations on three members and three orders; whatever is refused must change nothing."""

    shop: ClassVar[World]
    runner: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self.known: set[str] = set()
        self.redemptions: list[str] = []
        self.minute = 0

    @initialize(program=st.sampled_from(PROGRAMS), negative=MODES)
    def begin(self, program: dict[str, Any], negative: str) -> None:
        self.negative = negative
        self.run(self._begin({**program, "negative": negative}))

    async def _begin(self, program: dict[str, Any]) -> None:
        await empty(self.shop.service)
        self.shop.client = self.shop.service.client("demo")  # an internal token lives for a minute
        self.shop.clock.now = START
        await self.shop.shop()
        await self.shop.program(**program)
        await self.shop.post("rewards", {"reward_id": "small", "kind": "free_shipping", "name": "S", "points": 30})
        await self.shop.order("0", customer="a")  # most short histories come to no points, and so to no tier

    def run(self, one: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something of the service, on its own event loop."""
        return self.runner.run(one)

    def _later(self) -> str:
        """Events of orders are told apart by their time, a second each."""
        self.minute += 1
        return instant(self.shop.now.replace(second=self.minute % 60, microsecond=self.minute))

    def _take(self, one: Event) -> None:
        self.events.append(one)
        self.run(self.shop.take(one))

    @rule(
        order=ORDERS,
        member=MEMBERS,
        amount=st.integers(0, 200),
        state=st.sampled_from(["open", "open", "cancelled"]),
        days=st.sampled_from([0, 0, 4, 25]),
    )
    def order(self, order: str, member: str, amount: int, state: str, days: int) -> None:
        self.shop.clock.now += timedelta(days=days)  # and the jobs are late: what is due is not done yet
        is_new = state == "open" and order not in self.known
        lines = self.lines[order] = [line("1", amount * 50), line("2", amount * 50)]
        changes: dict[str, Any] = {"lines": lines, "state": state, "updated_at": self._later()}
        foretold = self.run(self._preview(order, member, changes)) if is_new else None
        self.known.add(order)
        self._take(self.shop.order_event(order, customer=member, **changes))
        if foretold is not None:
            explained = self.run(self.shop.get(f"orders/{order}/explanation"))
            assert foretold == explained["points"] == explained["settled"], explained

    async def _preview(self, order: str, member: str, changes: dict[str, Any]) -> int:
        """What a new order is said to earn, whatever is due and not done yet of its member."""
        body = msgspec.json.decode(self.shop.order_event(order, customer=member, **changes).data)
        before = await self.shop.snapshot()
        found: int = (await self.shop.post("earn/preview", body))["points"]
        assert await self.shop.snapshot() == before
        return found

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), member=MEMBERS, days=st.sampled_from([0, 1, 4, 9, 25]), delivered=st.booleans())
    def order_of_another_day(self, data: st.DataObject, member: str, days: int, delivered: bool) -> None:
        """The same goods again, and the shop says that they were bought at another time, perhaps by somebody else."""
        order = data.draw(st.sampled_from(sorted(self.lines)))
        placed = self.shop.now - timedelta(days=days)
        more = {"delivered_at": instant(placed), "fulfilment_state": "delivered"} if delivered else {}
        again: dict[str, Any] = {"lines": self.lines[order], "placed_at": placed, "updated_at": self._later(), **more}
        self._take(self.shop.order_event(order, customer=member, **again))

    @rule(order=ORDERS, amount=st.integers(1, 10_000), refund=st.sampled_from(["r1", "r2"]))
    def refund(self, order: str, amount: int, refund: str) -> None:
        self.known.add(order)
        self._take(self.shop.refund_event(order, amount, f"{order}{refund}", at=self.shop.now))

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Old events again, in any order: nothing moves but what time has made due."""
        again = data.draw(st.permutations(self.events).map(lambda found: found[:6]))
        self.run(self.shop.work())
        before = self.run(self.shop.snapshot())
        for one in again:
            self.run(self.shop.take(one))
        assert self.run(self.shop.snapshot()) == before

    @rule(member=MEMBERS, points=st.integers(-80, 150).filter(bool))
    def adjust(self, member: str, points: int) -> None:
        self._call(f"members/{member}/adjustments", {"points": points, "reason": "x"})

    @rule(member=MEMBERS, points=st.integers(1, 120), order=ORDERS)
    def hold(self, member: str, points: int, order: str) -> None:
        body = {"points": points, "order_id": order, "order_total": 1_000_000, "currency": "EUR"}
        answer = self._call(f"members/{member}/redemptions", body)
        if answer is not None:
            self.redemptions.append(answer["redemption_id"])

    @rule(member=MEMBERS)
    def take(self, member: str) -> None:
        answer = self._call(f"members/{member}/redemptions", {"reward_id": "small"})
        if answer is not None:
            self.redemptions.append(answer["redemption_id"])

    @precondition(lambda self: self.redemptions)
    @rule(data=st.data(), verb=st.sampled_from(["confirm", "cancel", "return"]))
    def resolve(self, data: st.DataObject, verb: str) -> None:
        self._call(f"redemptions/{data.draw(st.sampled_from(self.redemptions))}/{verb}", {})

    @rule(member=MEMBERS, to=MEMBERS, points=st.integers(1, 50), keep=st.booleans())
    def transfer(self, member: str, to: str, points: int, keep: bool) -> None:
        self._call(f"members/{member}/transfers", {"to": to, "points": points, "keep_expiry": keep})

    @rule(source=MEMBERS, into=MEMBERS)
    def merge(self, source: str, into: str) -> None:
        if source != into:
            data = {"from": source, "into": into, "at": instant(self.shop.now)}
            self.run(self.shop.take(event("customer.merged", data, at=self.shop.now)))

    @rule(days=st.sampled_from([0.01, 1, 4, 15, 40]))
    def time_passes(self, days: float) -> None:
        """What an order would earn is the same before and after what has become due is done."""
        self.shop.clock.now += timedelta(days=days)
        foretold = self.run(self._previews())
        self.run(self.shop.work())
        assert self.run(self._previews()) == foretold

    async def _previews(self) -> list[int]:
        changes = {"lines": [line("1", 10_000)]}
        return [await self._preview("next", member, changes) for member in ("a", "b", "c")]

    def _call(self, path: str, body: dict[str, Any]) -> Any:
        self.run(self.shop.work())
        before = self.run(self.shop.snapshot())
        answer = self.run(self._post(path, body))
        assert answer.status_code in (200, 201, 404, 409), answer.text
        if answer.status_code >= 400:
            assert self.run(self.shop.snapshot()) == before
            return None
        return answer.json()

    async def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.shop.client.post(f"/v1/loyalty/{path}", json=body)

    @invariant()
    def books_are_sound(self) -> None:
        if hasattr(self, "negative"):
            self.run(self.shop.check())
            self.run(self._members())

    async def _members(self) -> None:
        for one in (await self.shop.get("members", limit=100))["items"]:
            member = await self.shop.member(one["customer_id"])
            assert self.negative == "allow" or member["balance"] >= 0, member
            await self.shop.transactions(one["customer_id"])
            lots = (await self.shop.get(f"members/{one['customer_id']}/lots", limit=100))["items"]
            assert (
                sum(lot["remaining"] for lot in lots) == max(0, member["balance"]) + member["held"] + member["pending"]
            )


@pytest.fixture
def machine(postgres: TestServer) -> Iterator[type[Ledger]]:
    with asyncio.Runner() as runner:
        context = world(postgres)
        Ledger.shop = runner.run(context.__aenter__())
        Ledger.runner = runner
        yield Ledger
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.timeout(3000)
def test_the_ledger_is_sound_after_every_step_of_a_random_history(machine: type[Ledger]) -> None:
    histories = int(os.environ.get("LOYALTY_HISTORIES", "12"))  # a small profile; hundreds before a release
    profile = settings(
        max_examples=histories,
        stateful_step_count=18,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(machine, settings=profile)
