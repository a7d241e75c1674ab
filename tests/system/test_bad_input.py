"""What callers do wrong, and what they are told: status, code and pointer, each a line of a table."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.comeback import SHOP_KEY, ComebackProcess
from tests.support.order_events import Event, OrderStory
from tests.support.shop import Shop, customer_token, shop_of


def _changed(path: str, value: Any) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        target: Any = event
        *parents, last = path.split("/")
        for part in parents:
            target = target[int(part) if part.isdigit() else part]
        target[last] = value

    return change


def _without(name: str) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        del event[name]

    return change


_ORDER = "data/order"
_TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
_BAD_EVENTS: dict[str, tuple[Callable[[Event], None], str, str]] = {
    "no_id": (_without("id"), "invalid_request", "/id"),
    "no_type": (_without("type"), "invalid_request", "/type"),
    "no_data": (_without("data"), "invalid_request", "/data"),
    "unknown_field": (_changed("colour", "red"), "invalid_request", "/colour"),
    "unknown_type": (_changed("type", "order.exploded"), "invalid_request", "/type"),
    "own_type": (_changed("type", "points.earned"), "invalid_request", "/type"),
    "bad_instant": (_changed("occurred_at", "yesterday"), "invalid_request", "/occurred_at"),
    "no_zone": (_changed("occurred_at", "2026-01-01T00:00:00"), "invalid_request", "/occurred_at"),
    "future": (_changed("occurred_at", _TOMORROW), "in_the_future", "/occurred_at"),
    "placed_in_future": (_changed(f"{_ORDER}/placed_at", _TOMORROW), "in_the_future", "/data/order/placed_at"),
    "sum": (_changed(f"{_ORDER}/total", 9999), "order_does_not_add_up", "/data/order/total"),
    "line_sum": (_changed(f"{_ORDER}/lines/0/total", 1), "order_does_not_add_up", "/data/order/lines/0/total"),
    "float_money": (_changed(f"{_ORDER}/total", 25.5), "invalid_request", "/data/order/total"),
    "text_money": (_changed(f"{_ORDER}/total", "2550"), "invalid_request", "/data/order/total"),
    "too_large_money": (_changed(f"{_ORDER}/total", 2**53), "invalid_request", "/data/order/total"),
    "currency": (_changed(f"{_ORDER}/currency", "EURO"), "invalid_request", "/data/order/currency"),
    "slash_in_id": (_changed(f"{_ORDER}/order_id", "a/b"), "invalid_request", "/data/order/order_id"),
    "long_id": (_changed(f"{_ORDER}/order_id", "9" * 129), "invalid_request", "/data/order/order_id"),
    "nul": (_changed(f"{_ORDER}/lines/0/title", "a\x00b"), "invalid_request", "/data/order/lines/0/title"),
    "surrogate": (_changed(f"{_ORDER}/lines/0/title", "a\ud800"), "invalid_request", "/data/order/lines/0/title"),
    "state": (_changed(f"{_ORDER}/payment_state", "maybe"), "invalid_request", "/data/order/payment_state"),
    "order_is_text": (_changed(_ORDER, "1001"), "invalid_request", "/data/order"),
}


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()  # as escapes, which keeps NUL and lone surrogates


async def _post(shop: Shop, content: bytes, path: str = "/v1/events") -> httpx.Response:
    return await shop.http.post(path, content=content, headers={"Content-Type": "application/json"})


def _check_problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "retryable", "request_id"} <= problem.keys()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert code is None or problem["code"] == code, problem
    return problem


async def _check_unknown(shop: Shop, order_id: str) -> None:
    # A part that is late is no part that does not know: time enough for a busy machine.
    answer = await shop.http.get(f"/v1/post-purchase/{order_id}", params={"deadline_ms": 5000})
    assert _check_problem(answer, 404, "order_unknown")["retryable"] is True
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("name", _BAD_EVENTS)
async def test_a_wrong_field_is_named(shop: Shop, new_id: str, name: str) -> None:
    change, code, pointer = _BAD_EVENTS[name]
    event = copy.deepcopy(OrderStory(f"{new_id}-1").paid())
    change(event)
    problem = _check_problem(await _post(shop, _as_json(event)), 422, code)
    assert pointer in [error["pointer"] for error in problem["errors"]], problem
    in_batch = _check_problem(await _post(shop, _as_json({"events": [event]})), 422, code)
    assert f"/events/0{pointer}" in [error["pointer"] for error in in_batch["errors"]], in_batch
    await shop.caught_up()
    await _check_unknown(shop, f"{new_id}-1")


async def test_a_batch_with_bad_events_takes_the_good_ones_and_says_which(shop: Shop, new_id: str) -> None:
    good, bad = OrderStory(f"{new_id}-good"), OrderStory(f"{new_id}-bad")
    wrong = copy.deepcopy(bad.paid())
    wrong["data"]["order"]["total"] = 1
    answer = await shop.post(good.placed(), wrong, good.paid())
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", "rejected", "accepted"]
    assert [result["id"] for result in results] == [good.placed()["id"], wrong["id"], good.paid()["id"]]
    assert results[1]["problem"]["code"] == "order_does_not_add_up"
    assert results[1]["problem"]["errors"][0]["pointer"] == "/events/1/data/order/total"
    await shop.caught_up()
    assert (await shop.member(good.customer))["balance"] == 25
    assert (await shop.http.get(f"/v1/loyalty/members/{bad.customer}")).status_code == 404


_BROKEN = {
    "broken": b'{"id": "1", ',
    "not_json": b"hello",
    "empty": b"",
    "nan": b'{"id": NaN}',
    "no_utf8": b'{"id": "\xff\xfe"}',
}


@pytest.mark.parametrize("name", _BROKEN)
async def test_broken_json_is_400(shop: Shop, name: str) -> None:
    _check_problem(await _post(shop, _BROKEN[name]), 400)
    if name in ("broken", "not_json"):
        _check_problem(await _post(shop, _BROKEN[name], "/v1/recommendations/basket"), 400)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"events": []}', b'{"events": 1}', b'{"events": [1]}', b'"text"'])
async def test_json_of_another_shape_is_422(shop: Shop, body: bytes) -> None:
    _check_problem(await _post(shop, body), 422)


async def test_too_many_and_too_large_are_refused(shop: Shop, new_id: str) -> None:
    event = OrderStory(f"{new_id}-1").paid()
    _check_problem(await _post(shop, _as_json({"events": [event] * 501})), 422)
    _check_problem(await _post(shop, b" " * 1_048_577), 413)
    _check_problem(await _post(shop, b" " * 1_048_577, "/v1/recommendations/basket"), 413)
    assert (await _post(shop, _as_json(event) + b" " * 900_000)).status_code == 202


_WRONG_KEYS = {
    "none": None,
    "no_key": "hello",
    "wrong_secret": SHOP_KEY[:-1] + "x",
    "unknown_id": "cbk_nobody_" + "a" * 40,
    "wrong_signature": customer_token("c1", secret="another-secret-that-is-32-bytes-long"),
    "run_out": customer_token("c1", age=3600),
    "unknown_shop": customer_token("c1", shop_id="elsewhere"),
}


@pytest.mark.parametrize("name", _WRONG_KEYS)
async def test_wrong_credentials_are_401(comeback: ComebackProcess, name: str) -> None:
    async with shop_of(comeback.base_url, _WRONG_KEYS[name]) as stranger:
        for method, path in (
            ("GET", "/v1/loyalty/members"),
            ("GET", "/v1/post-purchase/1"),
            ("POST", "/v1/events"),
            ("POST", "/v1/recommendations/basket"),
        ):
            answer = await stranger.http.request(method, path, content=b"{}" if method == "POST" else None)
            _check_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.fixture(scope="session")
def reader_key(comeback: ComebackProcess) -> str:
    """A key of the first shop that may only read points."""
    return comeback.gateway_command("keys", "create", "demo", "--scope", "loyalty:read").split()[0]


@pytest.fixture(scope="session")
def other_shop_key(comeback: ComebackProcess) -> str:
    """The key of a second shop in the same Comeback."""
    comeback.gateway_command("shops", "create", "other", "--name", "Other")
    return comeback.gateway_command("keys", "create", "other").split()[0]


async def test_a_missing_scope_is_403(comeback: ComebackProcess, reader_key: str, new_id: str) -> None:
    async with shop_of(comeback.base_url, reader_key) as reader:
        assert (await reader.http.get("/v1/loyalty/members")).status_code == 200
        _check_problem(await reader.post(OrderStory(f"{new_id}-1").paid()), 403, "missing_scope")
        for path in ("/v1/notifications/messages", "/v1/feedback/responses", "/v1/post-purchase/1"):
            _check_problem(await reader.http.get(path), 403, "missing_scope")
        adjustment = {"points": 5, "reason": "gift"}
        answer = await reader.http.post("/v1/loyalty/members/c1/adjustments", json=adjustment)
        _check_problem(answer, 403, "missing_scope")


async def test_a_customers_token_opens_only_the_customers_own_paths(comeback: ComebackProcess) -> None:
    async with shop_of(comeback.base_url, customer_token("c1")) as customer:
        for path in ("/v1/loyalty/members", "/v1/notifications/messages", "/v1/feedback/responses"):
            _check_problem(await customer.http.get(path), 403)
        _check_problem(await customer.post(OrderStory("x").paid()), 403)


async def test_unknown_ids_are_404(shop: Shop, new_id: str) -> None:
    for path in (
        f"/v1/loyalty/members/{new_id}",
        f"/v1/loyalty/orders/{new_id}/explanation",
        f"/v1/loyalty/redemptions/{new_id}",
        f"/v1/feedback/surveys/{new_id}",
        f"/v1/notifications/messages/{new_id}",
        "/v1/nothing/here",
        "/nothing",
    ):
        _check_problem(await shop.http.get(path), 404)
    await _check_unknown(shop, new_id)


async def test_what_is_another_shops_does_not_exist(
    comeback: ComebackProcess, shop: Shop, other_shop_key: str, new_id: str
) -> None:
    story = OrderStory(f"{new_id}-1")
    await shop.accept(story.paid())
    await shop.caught_up()
    (message, *_) = await shop.messages(order_id=story.order_id)
    async with shop_of(comeback.base_url, other_shop_key) as other:
        for path in (
            f"/v1/loyalty/members/{story.customer}",
            f"/v1/loyalty/members/{story.customer}/transactions",
            f"/v1/loyalty/orders/{story.order_id}/explanation",
            f"/v1/notifications/messages/{message['id']}",
        ):
            _check_problem(await other.http.get(path), 404)
        await _check_unknown(other, story.order_id)
        assert await other.messages(order_id=story.order_id) == []
        assert await other.messages() == []
        assert await other.every("/v1/loyalty/members") == []
        await other.accept(story.placed())  # the same ids, another shop: another order
        await other.caught_up()
    assert (await shop.member(story.customer))["balance"] == 25


async def test_bad_paths_and_queries_are_422(shop: Shop) -> None:
    for path in (
        f"/v1/loyalty/members/{'9' * 129}",
        "/v1/loyalty/members/a%00b",
        "/v1/loyalty/members?limit=0",
        "/v1/loyalty/members?limit=101",
        "/v1/loyalty/members?cursor=!!",
        "/v1/notifications/messages?limit=x",
    ):
        _check_problem(await shop.http.get(path), 422)


async def test_an_idempotency_key_answers_the_same_and_refuses_another_body(shop: Shop, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    await shop.accept(story.paid())
    await shop.caught_up()
    path = f"/v1/loyalty/members/{story.customer}/adjustments"
    headers = {"Idempotency-Key": f"{new_id}-gift"}
    gift = {"points": 5, "reason": "gift"}
    first = await shop.http.post(path, json=gift, headers=headers)
    again = await shop.http.post(path, json=gift, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["Idempotency-Replay"] == "true"
    assert (await shop.member(story.customer))["balance"] == 30
    other = await shop.http.post(path, json={**gift, "points": 6}, headers=headers)
    _check_problem(other, 422, "idempotency_key_reused")
    too_long = await shop.http.post(path, json=gift, headers={"Idempotency-Key": "x" * 256})
    _check_problem(too_long, 400)
