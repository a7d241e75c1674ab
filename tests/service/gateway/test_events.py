"""``POST /v1/events`` over HTTP onto a real table log."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.service.gateway.running import Running, customer_token, data_of, running_gateway
from tests.support.postgres import TestServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def order_event(order_id: str, event_id: str | None = None, **changes: Any) -> dict[str, Any]:
    order = {
        "order_id": order_id,
        "currency": "EUR",
        "customer": {"customer_id": f"c-{order_id}", "email": "ada@example.com"},
        "lines": [{"line_id": "1", "quantity": 2, "unit_price": 4500}],
        "total": 9000,
        "placed_at": "2026-01-31T12:00:00Z",
        **changes,
    }
    return {
        "id": event_id or f"e-{order_id}",
        "type": "order.paid",
        "occurred_at": "2026-01-31T12:00:00Z",
        "data": {"order": order},
    }


def new_id() -> str:
    return secrets.token_hex(6)


async def of_order(gateway: Running, order_id: str) -> list[Any]:
    """The log's events about an order or its customer."""
    return [event for event in await gateway.events() if event.subject in (order_id, f"c-{order_id}")]


async def test_an_accepted_event_is_on_the_log_when_the_answer_comes(gateway: Running) -> None:
    order_id = new_id()
    trace = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json=order_event(order_id), headers={"traceparent": trace})
    assert (answer.status_code, answer.json()) == (
        202,
        {"results": [{"id": f"e-{order_id}", "status": "accepted"}]},
    )
    contact, order = sorted(await of_order(gateway, order_id), key=lambda event: str(event.type))
    assert (contact.id, contact.type) == (f"e-{order_id}:customer", "customer.updated")
    assert (order.id, order.type, order.source, order.keyid) == (f"e-{order_id}", "order.paid", "api", "demo0001")
    assert order.traceparent == contact.traceparent == trace
    assert data_of(order)["order"]["payment_state"] == "paid"
    assert "email" not in data_of(order)["order"]["customer"]


async def test_the_key_on_the_log_is_the_orders(gateway: Running) -> None:
    order_id = new_id()
    async with gateway.client() as client:
        await client.post("/v1/events", json=order_event(order_id))
    records = [record for record in await gateway.records() if order_id.encode() in record.value]
    assert {record.key for record in records} == {f"demo:{order_id}".encode(), f"demo:c-{order_id}".encode()}


async def test_a_batch_gets_a_verdict_each_and_only_the_good_ones_are_kept(gateway: Running) -> None:
    good, bad, more = new_id(), new_id(), new_id()
    events = [order_event(good), order_event(bad, total=1), {"id": "x"}, order_event(more)]
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json={"events": events})
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [(one["id"], one["status"]) for one in results] == [
        (f"e-{good}", "accepted"),
        (f"e-{bad}", "rejected"),
        ("x", "rejected"),
        (f"e-{more}", "accepted"),
    ]
    problem = results[1]["problem"]
    assert (problem["status"], problem["code"]) == (422, "order_does_not_add_up")
    assert [one["pointer"] for one in problem["errors"]] == ["/events/1/data/order/total"]
    assert [one["pointer"] for one in results[2]["problem"]["errors"]] == [
        "/events/2/data",
        "/events/2/occurred_at",
        "/events/2/type",
    ]
    assert len(await of_order(gateway, good)) == len(await of_order(gateway, more)) == 2
    assert await of_order(gateway, bad) == []


@pytest.mark.parametrize(
    ("events", "code", "pointers"),
    [
        ([order_event("1", total=1)], "order_does_not_add_up", ["/events/0/data/order/total"]),
        (
            [order_event("1", placed_at="2999-01-01T00:00:00Z"), order_event("2", placed_at="2999-01-01T00:00:00Z")],
            "in_the_future",
            ["/events/0/data/order/placed_at", "/events/1/data/order/placed_at"],
        ),
        (
            [order_event("1", total=1), {**order_event("2"), "type": "points.earned"}],
            "invalid_request",
            ["/events/0/data/order/total", "/events/1/type"],
        ),
    ],
)
async def test_a_batch_without_a_good_event_is_422(
    gateway: Running, events: list[Any], code: str, pointers: list[str]
) -> None:
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json={"events": events})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers
    assert [one["status"] for one in answer.json()["results"]] == ["rejected"] * len(events)


async def test_a_single_bad_event_has_pointers_from_the_root(gateway: Running) -> None:
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json=order_event("1", total=1))
    assert (answer.status_code, answer.json()["code"]) == (422, "order_does_not_add_up")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/data/order/total"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b" " * 100_000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"\xff\xfe", 400, "bad_request"),
        (b'{"id": NaN}', 400, "bad_request"),
        (b"[" * 100_000, 400, "bad_request"),
        (b"[]", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"events": []}', 422, "invalid_request"),
        (json.dumps({"events": [{}] * 501}).encode(), 422, "invalid_request"),
        (json.dumps(order_event("a\x00b")).encode(), 422, "invalid_request"),
        (json.dumps(order_event("1", number="\ud800")).encode(), 422, "invalid_request"),
        (json.dumps(order_event("1", total=9000.0)).encode(), 422, "invalid_request"),
        (json.dumps(order_event("1", lines=json.loads("[" * 60 + "]" * 60))).encode(), 422, "invalid_request"),
        (b" " * 1_048_577, 413, "too_large"),
    ],
)
async def test_bad_bodies(gateway: Running, body: bytes, status: int, code: str) -> None:
    async with gateway.client() as client:
        answer = await client.post("/v1/events", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["retryable"] is False


async def test_two_megabytes_in_chunks_are_too_large(gateway: Running) -> None:
    async with gateway.client() as client:
        assert (await client.post("/v1/events", content=chunks())).status_code == 413


async def test_five_hundred_events_are_one_batch(gateway: Running) -> None:
    prefix = new_id()
    events = [order_event(f"{prefix}-{number}", customer=None) for number in range(500)]
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json={"events": events})
    assert answer.status_code == 202
    assert {one["status"] for one in answer.json()["results"]} == {"accepted"}
    kept = [event for event in await gateway.events("comeback.orders.v1") if event.subject.startswith(prefix)]
    assert len(kept) == 500


async def test_who_may_post(gateway: Running) -> None:
    allowed, other = await gateway.new_key("events:write"), await gateway.new_key("loyalty:write")
    for token, status, code in (
        (allowed, 202, None),
        (await gateway.new_key("admin"), 202, None),
        (other, 403, "missing_scope"),
        (customer_token("c-1"), 403, "forbidden"),
        ("cbk_demo0001_" + "x" * 40, 401, "unauthorized"),
        (None, 401, "unauthorized"),
    ):
        async with gateway.client(token) as client:
            answer = await client.post("/v1/events", json=order_event(new_id()))
            assert answer.status_code == status, (token, answer.text)
            assert answer.json().get("code") == code


async def test_credentials_are_checked_before_the_body_is_read(gateway: Running) -> None:
    async with gateway.client(None) as client:
        assert (await client.post("/v1/events", content=b" " * 2_000_000)).status_code == 401


async def test_concurrent_posts_are_all_kept_each_order_in_its_own_order(gateway: Running) -> None:
    prefix = new_id()

    async def post(order: int) -> None:
        async with gateway.client() as client:
            for step in range(5):
                event = order_event(f"{prefix}-{order}", f"{prefix}-{order}-{step}")
                assert (await client.post("/v1/events", json=event)).status_code == 202

    await asyncio.gather(*(post(number) for number in range(20)))
    kept = [event for event in await gateway.events("comeback.orders.v1") if event.subject.startswith(prefix)]
    for order in range(20):
        ids = [event.id for event in kept if event.subject == f"{prefix}-{order}"]
        assert ids == [f"{prefix}-{order}-{step}" for step in range(5)]


async def test_a_shops_own_event_changes_the_shop_here_too(gateway: Running) -> None:
    shop = {"shop_id": "demo", "name": "New name", "currency": "CHF", "time_zone": "Europe/Zurich", "locale": "de-CH"}
    event = {"id": new_id(), "type": "shop.upserted", "occurred_at": "2999-01-01T00:00:00Z", "data": shop}
    async with gateway.client() as client:
        assert (await client.post("/v1/events", json=event)).status_code == 422
        old = {**event, "occurred_at": "2020-01-01T00:00:00Z", "id": new_id()}
        assert (await client.post("/v1/events", json=old)).status_code == 202
        assert (await gateway.app.state.parts.directory.shop("demo")).profile.name == "demo"
        now = gateway.app.state.parts.clock().isoformat()
        event["occurred_at"] = now
        assert (await client.post("/v1/events", json=event)).status_code == 202
    profile = (await gateway.app.state.parts.directory.shop("demo")).profile
    assert (profile.name, profile.currency, profile.time_zone) == ("New name", "CHF", "Europe/Zurich")
    published = [one for one in await gateway.events("comeback.shops.v1") if one.id == event["id"]]
    assert [one.source for one in published] == ["api"]


async def test_another_shops_event_is_refused(gateway: Running) -> None:
    shop = {"shop_id": "other", "name": "N", "currency": "CHF", "time_zone": "UTC", "locale": "de"}
    event = {"id": "s", "type": "shop.upserted", "occurred_at": "2026-01-01T00:00:00Z", "data": shop}
    async with gateway.client() as client:
        answer = await client.post("/v1/events", json=event)
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/data/shop_id"]


async def test_with_the_log_away_nothing_is_accepted_and_the_gateway_stays_ready(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway, gateway.client() as client:
        shop = {"shop_id": "demo", "name": "Lost", "currency": "CHF", "time_zone": "UTC", "locale": "de"}
        now = gateway.app.state.parts.clock().isoformat()
        change = {"id": "s", "type": "shop.upserted", "occurred_at": now, "data": shop}
        await postgres.drop(gateway.log_url)
        answers = await asyncio.gather(
            client.post("/v1/events", json=order_event("1")),
            client.post("/v1/events", json={"events": [order_event("2"), change]}),
        )
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
            assert answer.json()["retryable"] is True
            assert int(answer.headers["retry-after"]) >= 1
        assert (await gateway.app.state.parts.directory.shop("demo")).profile.name == "demo"
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/loyalty/echo/x")).status_code == 200
