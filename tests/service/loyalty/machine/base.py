"""What all parts of the machine share: the shop, how things are told to it, and what must hold after every step."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from comeback_kit.events import Event
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.machine.programs import PROGRAMS
from tests.service.loyalty.world import START, World, changes, instant, line

MEMBERS = st.sampled_from(["a", "b", "c"])
ORDERS = st.sampled_from(["1", "2", "3", "4", "5"])
LATE = st.sampled_from([False, False, False, True])
STOCK = 3
_STOCK = """
select r.stock_left + t.out as all_of_it
from rewards r, lateral (
  select count(*) filter (where t.state in ('held', 'spent')) as out
  from redemptions t where t.shop_id = r.shop_id and t.reward_id = r.reward_id) t
where r.stock_left is not null"""


class Machine(RuleBasedStateMachine):
    """One shop with three customers. What is refused must change nothing, what was foretold must be posted."""

    shop: ClassVar[World]
    runner: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.kept_back: list[Event] = []
        self.goods: dict[str, list[dict[str, Any]]] = {}
        self.newest: dict[str, str] = {}
        self.refunded: set[str] = set()
        self.redemptions: list[str] = []
        self.codes: list[str] = []
        self.told = 0

    @initialize(program=st.sampled_from(PROGRAMS), negative=st.sampled_from(["clamp", "allow", "pending_only"]))
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
        mug = {"reward_id": "mug", "kind": "free_product", "product_id": "m", "name": "M", "points": 20}
        await self.shop.post("rewards", {**mug, "stock": STOCK, "limit_per_member": 2})
        await self.shop.order("0", customer="a")  # most short histories come to no points, and so to no tier

    def run(self, one: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something of the service, on its own event loop."""
        return self.runner.run(one)

    def later(self) -> str:
        """An instant after all that was told before: it tells the events of an order apart."""
        self.told += 1
        return instant(self.shop.now + timedelta(microseconds=self.told))

    def tell(self, one: Event, *, late: bool = False) -> None:
        """Hand an event over, or keep it back: it comes later, behind others that were told after it."""
        if late:
            self.kept_back.append(one)
        else:
            self.deliver_one(one)

    def deliver_one(self, one: Event) -> None:
        """Hand over one event; what its order was said to earn is posted, whatever is due and not done yet."""
        self.events.append(one)
        data = msgspec.json.decode(one.data)
        order = data.get("order", {})
        if not self._can_be_foretold(order):
            self.run(self.shop.take(one))
        else:
            is_new = order["order_id"] not in self.newest
            foretold = self.run(self.preview(data))
            self.run(self.shop.take(one))
            explained = self.run(self.shop.get(f"orders/{order['order_id']}/explanation"))
            assert foretold == explained["points"], explained
            assert not is_new or foretold == explained["settled"], explained
        self.note(order)

    def _can_be_foretold(self, order: dict[str, Any]) -> bool:
        """Whether the event alone says what the order is: nothing newer and no refund of it has come."""
        order_id = order.get("order_id", "")
        is_whole = "lines" in order and "customer" in order and order.get("state", "open") == "open"
        is_newest = order.get("updated_at", "") > self.newest.get(order_id, "")
        return is_whole and is_newest and order_id not in self.refunded

    def note(self, order: dict[str, Any]) -> None:
        """Remember what has come of an order."""
        if "lines" in order:
            self.newest[order["order_id"]] = max(order["updated_at"], self.newest.get(order["order_id"], ""))
        elif order:
            self.refunded.add(order["order_id"])

    async def preview(self, body: dict[str, Any]) -> int:
        """What an order is said to earn; saying it writes nothing."""
        before = await self.shop.everything()
        found: int = (await self.shop.post("earn/preview", body))["points"]
        assert changes(before, await self.shop.everything()) == []
        return found

    async def previews(self) -> list[int]:
        """What the same new order would earn for each customer."""
        bodies = [
            msgspec.json.decode(self.shop.order_event("next", customer=one, lines=[line("1", 10_000)]).data)
            for one in ("a", "b", "c")
        ]
        return [await self.preview(body) for body in bodies]

    async def mine(self, *paths: str) -> dict[str, Any]:
        """What each customer's own calls answer."""
        return {
            f"{one}{path}": await self.shop.get(f"me{path}", client=self.shop.service.customer(one))
            for one in ("a", "b", "c")
            for path in paths
        }

    async def foretold(self) -> dict[str, Any]:
        """What orders would earn, and what customers read; telling it writes nothing."""
        earned = await self.previews()
        before = await self.shop.everything()
        found = await self.mine("", "/rewards", "/redemptions", "/ways-to-earn")
        assert changes(before, await self.shop.everything()) == []
        return {**found, "earned": earned}

    def call(self, path: str, body: dict[str, Any]) -> Any:
        """The answer of a call; None where it was refused, and then nothing at all has changed."""
        self.run(self.shop.work())
        before = self.run(self.shop.everything())
        answer: httpx.Response = self.run(self.shop.client.post(f"/v1/loyalty/{path}", json=body))
        assert answer.status_code in (200, 201, 404, 409, 422), answer.text
        if answer.status_code >= 400:
            assert changes(before, self.run(self.shop.everything())) == [], answer.text
            return None
        return answer.json()

    @invariant()
    def books_are_sound(self) -> None:
        if hasattr(self, "negative"):
            self.run(self.shop.check())
            self.run(self._members())
            self.run(self._stock())

    async def _members(self) -> None:
        for one in (await self.shop.get("members", limit=100))["items"]:
            member = await self.shop.member(one["customer_id"])
            assert self.negative == "allow" or member["balance"] >= 0, member
            await self.shop.transactions(one["customer_id"])
            lots = (await self.shop.get(f"members/{one['customer_id']}/lots", limit=100))["items"]
            left = sum(lot["remaining"] for lot in lots)
            assert left == max(0, member["balance"]) + member["held"] + member["pending"], (member, lots)

    async def _stock(self) -> None:
        """No reward is given out more often than there are of it, and none is lost.

        An order that came after the end of its hold has its reward also where none was left by then: one is owed.
        """
        async with self.shop.service.runtime.db.work() as tx:
            rows = await tx.fetch(_STOCK)
        assert [row["all_of_it"] for row in rows] == [STOCK]
