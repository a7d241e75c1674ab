"""Through the log: the consumer, the follower and the follow-ups as they run, poison among the events."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from comeback_contracts import topics
from comeback_contracts.envelope import encode, make_event
from comeback_kit.log.port import Entry
from recommendations.app import create_app
from recommendations.settings import Settings
from tests.service.recommendations.conftest import T0
from tests.service.recommendations.feeding import Shop
from tests.support.apps import Clock, service_app
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

_ids = itertools.count(1)


@pytest.fixture
async def whole(postgres: TestServer, clock: Clock) -> AsyncIterator[Shop]:
    async with service_app(create_app, Settings, postgres, service="recommendations", clock=clock) as service:
        yield Shop(service, T0)


async def append(shop: Shop, type_: str, data: dict[str, Any]) -> None:
    event = make_event(
        id=f"e{next(_ids)}",
        source="api",
        type=type_,
        time=shop.t0,
        shop_id=shop.shop_id,
        subject="subject",
        data=data,
    )
    await shop.service.log.append([Entry(topics.topic_of(type_), f"{shop.shop_id}:x", encode(event))])


async def caught_up(shop: Shop) -> None:
    async def ready() -> int:
        async with shop.service.anonymous() as nobody:
            return (await nobody.get("/readyz", params={"caught_up": True})).status_code

    await eventually(ready, that=lambda status: status == httpx.codes.OK)


async def test_an_order_on_the_log_is_in_the_answers_when_caught_up(whole: Shop) -> None:
    for number, products in enumerate(("ABC", "AB", "AC"), start=1):
        await append(whole, "order.paid", {"order": whole.order(f"O{number}", products, customer_id="c1")})
    await caught_up(whole)
    answer = await whole.get("products/A", backfill=False)
    assert [item["product_id"] for item in answer["items"]] == ["B", "C"]
    assert [item["reason"]["support"] for item in answer["items"]] == [2, 2]


async def test_poison_among_orders_stops_nobody(whole: Shop) -> None:
    await append(whole, "order.paid", {"order": whole.order("O1", "AB")})
    await append(whole, "order.paid", {"order": {**whole.order("O2", "AX"), "lines": "none"}})
    await append(whole, "product.upserted", {"product_id": "B", "price": "free"})
    await append(whole, "order.paid", {"order": whole.order("O3", "AC")})
    await caught_up(whole)
    answer = await whole.get("products/A", backfill=False)
    assert {item["product_id"] for item in answer["items"]} == {"B", "C"}


async def test_the_same_events_in_any_order_end_alike(whole: Shop) -> None:
    order = whole.order("O1", "ABC", customer_id="c1")
    later = whole.later(minutes=1).isoformat()
    refund = {
        "refund_id": "r1",
        "at": later,
        "lines": [{"line_id": "L2", "quantity": 1, "amount": 1000}],
        "amount": 1000,
    }
    steps = [
        ("order.refunded", {"order_id": "O1", "refunds": [refund], "updated_at": later}),
        ("order.placed", {**order, "payment_state": "pending"}),
        ("order.paid", {**order, "updated_at": whole.later(seconds=30).isoformat()}),
    ]
    for type_, data in [*steps, *reversed(steps)]:
        await append(whole, type_, {"order": data})
    await caught_up(whole)
    answer = await whole.get("products/A", backfill=False)
    assert [item["product_id"] for item in answer["items"]] == ["C"]
