"""The whole service with all roles: events through the log, scopes, a customer's own calls."""

import functools
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from comeback_contracts.envelope import encode, make_event
from comeback_kit.log.port import Entry
from tests.service.loyalty.world import START, World, world
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


async def test_an_order_on_the_log_becomes_points_and_an_event_on_the_log(postgres: TestServer) -> None:
    async with world(postgres, roles="api,consumer,relay,timers") as shop:
        one = shop.order_event("1001", 5_000)
        event = make_event(
            id=one.id, source="api", type=one.type, time=START, shop_id="demo", subject="1001", data=one.data
        )
        await shop.service.log.append([Entry("comeback.orders.v1", "demo:1001", encode(event))])

        async def ready() -> bool:
            async with shop.service.anonymous() as client:
                return (await client.get("/readyz?caught_up=true")).status_code == 200

        await eventually(ready)
        assert await shop.balance() == 50
        assert await shop.published() == []
        await shop.check()


async def test_scopes_and_tokens(shop: World) -> None:
    await shop.order("1001")
    read = shop.service.client(scopes=frozenset({"loyalty:read"}))
    await shop.get("members/c1", client=read)
    assert (await read.post("/v1/loyalty/members/c1/adjustments", json={})).status_code == 403
    assert (await read.put("/v1/loyalty/program", json={})).status_code == 403
    nobody = shop.service.client(scopes=frozenset())
    assert (await nobody.get("/v1/loyalty/members")).status_code == 403
    assert (await shop.service.anonymous().get("/v1/loyalty/members")).status_code == 401
    me = shop.service.customer("c1")
    assert (await me.get("/v1/loyalty/members/c1")).status_code == 403
    assert (await me.get("/v1/loyalty/me")).json()["balance"] == 100
    assert (await shop.client.get("/v1/loyalty/me")).status_code == 403


async def test_a_customer_of_whom_nothing_is_known_reads_zeros(shop: World) -> None:
    me = shop.service.customer("new")
    answer = await me.get("/v1/loyalty/me")
    assert (answer.status_code, answer.json()["balance"], answer.json()["lifetime_earned"]) == (200, 0, 0)
    assert (await me.get("/v1/loyalty/me/transactions")).json()["items"] == []
    (reward,) = (await me.get("/v1/loyalty/me/rewards")).json()["items"]
    assert (reward["affordable"], reward["points_missing"]) == (False, 100)
    refused = await me.post("/v1/loyalty/me/redemptions", json={"reward_id": reward["reward_id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_enough_points")
    (way,) = (await me.get("/v1/loyalty/me/ways-to-earn")).json()["items"]
    assert (way["kind"], way["points"], way["per"], way["available"]) == ("per_amount", 1, 100, True)


async def test_me_has_an_etag(shop: World) -> None:
    await shop.order("1001")
    me = shop.service.customer("c1")
    first = await me.get("/v1/loyalty/me")
    same = await me.get("/v1/loyalty/me", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    await shop.order("1002")
    changed = await me.get("/v1/loyalty/me", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.json()["balance"]) == (200, 200)


async def test_a_customer_takes_a_reward(shop: World) -> None:
    await shop.order("1001")
    me = shop.service.customer("c1")
    held = await me.post("/v1/loyalty/me/redemptions", json={"reward_id": "amount-off-100"})
    assert (held.status_code, held.json()["state"]) == (201, "held")
    (mine,) = (await me.get("/v1/loyalty/me/redemptions")).json()["items"]
    assert mine["code"] == held.json()["code"]


async def test_a_wrong_method_is_told_all_the_right_ones(shop: World) -> None:
    for path, allowed in (
        ("program", "GET, HEAD, PUT"),
        ("rewards", "GET, HEAD, POST"),
        ("rewards/r1", "DELETE, GET, HEAD, PUT"),
        ("members/c1/adjustments", "POST"),
    ):
        answer = await shop.client.patch(f"/v1/loyalty/{path}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["members/c1", "members", "me", "reports/liability?format=csv", "exports/members"])
async def test_head_answers_as_get_does_without_a_body(shop: World, path: str) -> None:
    await shop.order("1001")
    client = shop.service.customer("c1") if path == "me" else shop.client
    named = {"X-Request-Id": "r1"}
    got = await client.get(f"/v1/loyalty/{path}", headers=named)
    head = await client.head(f"/v1/loyalty/{path}", headers=named)
    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")
    if path == "me":
        again = await client.head("/v1/loyalty/me", headers={"If-None-Match": head.headers["ETag"]})
        assert again.status_code == 304


async def test_an_app_reads_its_member_with_two_queries(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.order("1", 10_000)
    me = shop.service.customer("c1")
    await me.get("/v1/loyalty/me")
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, _noted(getattr(asyncpg.Connection, name), asked))
    answer = await me.get("/v1/loyalty/me")
    assert answer.json()["balance"] == 100
    assert answer.json()["next_reward"]["points"] == 100
    assert len(asked) == 2, asked


def _noted(call: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    @functools.wraps(call)
    async def noting(connection: object, query: str, *arguments: Any, **options: Any) -> Any:
        asked.append(query)
        return await call(connection, query, *arguments, **options)

    return noting
