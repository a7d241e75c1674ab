"""Events and questions of the recommendation tests."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.topics import topic_of
from comeback_kit.consumer import Context
from comeback_kit.events import Event
from recommendations.consumers import SUBSCRIPTIONS
from recommendations.service_state import state_of
from tests.support.apps import ServiceUnderTest
from tests.support.waiting import eventually

_ids = itertools.count(1)


@dataclass
class Shop:
    """One shop of a running service."""

    service: ServiceUnderTest
    t0: datetime
    shop_id: str = "demo"

    def order(self, order_id: str, products: Sequence[str], **more: Any) -> dict[str, Any]:
        """An order of one piece of each product at 10.00, paid at T0 unless said otherwise."""
        at = more.pop("at", self.t0)
        lines = [
            {"line_id": f"L{number}", "product_id": product, "quantity": 1, "total": 1000}
            for number, product in enumerate(products, start=1)
        ]
        customer = more.pop("customer_id", None)
        return {
            "order_id": order_id,
            "state": "open",
            "payment_state": "paid",
            "currency": "EUR",
            "lines": lines,
            "total": 1000 * len(lines),
            "placed_at": at.isoformat(),
            "updated_at": at.isoformat(),
            **({} if customer is None else {"customer": {"customer_id": customer}}),
            **more,
        }

    def event(self, type_: str, data: dict[str, Any], at: datetime | None = None) -> Event:
        event = make_event(
            id=f"e{next(_ids)}",
            source="api",
            type=type_,
            time=at or self.t0,
            shop_id=self.shop_id,
            subject="subject",
            data=data,
        )
        return msgspec.json.decode(encode(event), type=Event)

    async def orders(self, *orders: dict[str, Any], type_: str = "order.paid") -> None:
        await self.take(*[self.event(type_, {"order": order}) for order in orders])

    async def take(self, *events: Event) -> None:
        """Hand the events to the service's handlers as one batch a topic, and wait until memory has them."""
        runtime = self.service.runtime
        for subscription in sorted(SUBSCRIPTIONS, key=lambda one: -one.priority):
            mine = [event for event in events if topic_of(event.type) == subscription.topic]
            if mine:
                async with runtime.db.work() as tx:
                    await subscription.handler(tx, mine, Context(runtime.clock(), runtime))
        await self.followed()

    async def followed(self) -> None:
        shops = state_of(self.service.runtime).shops
        await shops.get(self.shop_id)
        await eventually(shops.behind, that=lambda behind: behind == 0)

    async def base(self) -> None:
        """The base data of the worked cases."""
        for number, products in enumerate(("ABC", "AB", "AC", "BD", "AB"), start=1):
            await self.orders(self.order(f"O{number}", products, customer_id=f"c{number}"))

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        async with self.service.client(self.shop_id) as client:
            answer = await client.get(f"/v1/recommendations/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def basket(self, **body: Any) -> dict[str, Any]:
        async with self.service.client(self.shop_id) as client:
            answer = await client.post("/v1/recommendations/basket", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async with self.service.client(self.shop_id) as client:
            return await client.request(method, f"/v1/recommendations/{path}", **more)

    def later(self, **delta: float) -> datetime:
        return self.t0 + timedelta(**delta)


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in answer["items"]]


def sources(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["product_id"], item["source"]) for item in answer["items"]]
