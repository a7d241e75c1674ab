"""The post-purchase call: four services, one deadline, each part with its own status; in one process and over HTTP."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.settings import SERVICES
from tests.service.gateway.running import Running, customer_token, running_gateway
from tests.service.gateway.small_services import Behaviour, small_service
from tests.service.gateway.test_proxy import served
from tests.support.comeback import free_port
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARTS: dict[str, dict[str, Any]] = {
    "loyalty": {"points_earned": 120, "points_pending": 0, "balance": 340, "tier": None},
    "feedback": {"survey": {"survey_id": "nps"}},
    "notifications": {"messages": []},
    "recommendations": {"items": [{"product_id": "p"}]},
}


class Four:
    """The gateway, and how each of its services behaves."""

    def __init__(self, gateway: Running, behaviours: dict[str, Behaviour]) -> None:
        self.gateway = gateway
        self.services = behaviours

    def reset(self) -> None:
        for name, behaviour in self.services.items():
            fresh = Behaviour(orders={"o 1/?": "c-1", "o-1": "c-1"}, part=PARTS[name])
            behaviour.__dict__.update(fresh.__dict__)


@pytest_asyncio.fixture(params=["in_process", "http"], scope="module", loop_scope="module")
async def shared(request: pytest.FixtureRequest, postgres: TestServer) -> AsyncIterator[Four]:
    behaviours = {name: Behaviour() for name in SERVICES}
    apps = {name: small_service(name, behaviour) for name, behaviour in behaviours.items()}
    with contextlib.ExitStack() as stack:
        if request.param == "in_process":
            running = running_gateway(postgres, services=apps)
        else:
            urls: dict[str, Any] = {f"{name}_url": stack.enter_context(served(app)) for name, app in apps.items()}
            running = running_gateway(postgres, services={}, **urls)
        async with running as gateway:
            yield Four(gateway, behaviours)


@pytest.fixture
def four(shared: Four) -> Four:
    shared.reset()
    return shared


async def test_every_part_of_a_known_order(four: Four) -> None:
    async with four.gateway.client() as client:
        answer = await client.get("/v1/post-purchase/o-1")
    assert answer.status_code == 200
    expected = {name: {"status": "ok", **PARTS[name]} for name in SERVICES}
    assert answer.json() == {"order_id": "o-1", "complete": True, **expected}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_service_that_does_not_know_the_order_yet_is_pending(four: Four) -> None:
    four.services["notifications"].orders = {}
    four.services["recommendations"].orders = {}
    async with four.gateway.client() as client:
        answer = (await client.get("/v1/post-purchase/o-1")).json()
    assert answer["complete"] is False
    assert answer["loyalty"]["status"] == "ok"
    assert answer["notifications"] == {"status": "pending"}
    assert answer["recommendations"] == {"status": "pending", "fallback": "trending", "items": []}


async def test_an_order_that_no_service_knows_is_404_to_be_tried_again(four: Four) -> None:
    async with four.gateway.client() as client:
        answer = await client.get("/v1/post-purchase/unknown")
        assert (answer.status_code, answer.json()["code"]) == (404, "order_unknown")
        assert answer.json()["retryable"] is True
        assert answer.headers["retry-after"] == "1"
        four.services["feedback"].broken = True
        assert (await client.get("/v1/post-purchase/unknown")).status_code == 404


async def test_a_slow_service_is_a_timeout_and_the_answer_is_in_time(four: Four) -> None:
    four.services["recommendations"].delay = 20
    async with four.gateway.client() as client:
        for query, least, most in (("", 0.28, 1.5), ("?deadline_ms=50", 0.05, 1.0), ("?deadline_ms=900", 0.85, 2.0)):
            started = time.monotonic()
            answer = (await client.get(f"/v1/post-purchase/o-1{query}")).json()
            assert least <= time.monotonic() - started <= most
            assert answer["recommendations"] == {"status": "timeout", "fallback": "trending", "items": []}
            assert answer["loyalty"] == {"status": "ok", **PARTS["loyalty"]}
            assert answer["complete"] is False
    await eventually(lambda: four.services["recommendations"].asked >= 3)


async def test_a_broken_service_never_breaks_the_others(four: Four) -> None:
    four.services["loyalty"].broken = True
    async with four.gateway.client() as client:
        answer = (await client.get("/v1/post-purchase/o-1")).json()
    assert answer["loyalty"] == {"status": "unavailable"}
    assert [answer[name]["status"] for name in ("feedback", "notifications", "recommendations")] == ["ok"] * 3


async def test_when_nobody_answers_that_is_not_an_unknown_order(four: Four) -> None:
    for behaviour in four.services.values():
        behaviour.broken = True
    async with four.gateway.client() as client:
        answer = await client.get("/v1/post-purchase/o-1")
    assert answer.status_code == 200
    assert {answer.json()[name]["status"] for name in SERVICES} == {"unavailable"}


async def test_a_customer_sees_own_orders_and_no_others(four: Four) -> None:
    async with four.gateway.client(customer_token("c-1")) as client:
        assert (await client.get("/v1/post-purchase/o-1")).json()["complete"] is True
    async with four.gateway.client(customer_token("c-2")) as client:
        answer = await client.get("/v1/post-purchase/o-1")
        assert (answer.status_code, answer.json()["code"]) == (404, "order_unknown")


async def test_a_key_needs_the_scope_and_only_that(four: Four) -> None:
    for scopes, status in ((("post-purchase:read",), 200), (("admin",), 200), (("loyalty:read", "events:write"), 403)):
        async with four.gateway.client(await four.gateway.new_key(*scopes)) as client:
            assert (await client.get("/v1/post-purchase/o-1")).status_code == status
    async with four.gateway.client(None) as client:
        assert (await client.get("/v1/post-purchase/o-1")).status_code == 401


@pytest.mark.parametrize("deadline", ["49", "5001", "soon", "-1", ""])
async def test_a_deadline_out_of_bounds_is_422(four: Four, deadline: str) -> None:
    async with four.gateway.client() as client:
        answer = await client.get(f"/v1/post-purchase/o-1?deadline_ms={deadline}")
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/query/deadline_ms"]


async def test_ids_with_odd_characters_reach_the_services_whole(four: Four) -> None:
    four.services["loyalty"].orders["a b?#%ü&"] = "c-1"
    async with four.gateway.client() as client:
        answer = await client.get("/v1/post-purchase/a%20b%3F%23%25%C3%BC%26")
        assert answer.json()["loyalty"]["status"] == "ok"
        assert answer.json()["order_id"] == "a b?#%ü&"
        assert (await client.get("/v1/post-purchase/" + "x" * 129)).status_code == 422


async def test_late_services_are_not_waited_for_and_nothing_leaks(four: Four) -> None:
    four.services["loyalty"].delay = 5
    async with four.gateway.client() as client:
        await asyncio.gather(*(client.get("/v1/post-purchase/o-1?deadline_ms=50") for _ in range(40)))
        four.services["loyalty"].delay = 0
        for _ in range(8):  # few at a time: 160 calls at once can take a slow machine longer than any deadline
            answers = await asyncio.gather(*(client.get("/v1/post-purchase/o-1?deadline_ms=5000") for _ in range(5)))
            assert {answer.json()["complete"] for answer in answers} == {True}
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("post-purchase")]


async def test_services_that_are_down_are_unavailable_at_once(postgres: TestServer) -> None:
    behaviour = Behaviour(orders={"o-1": "c-1"}, part=PARTS["loyalty"])
    async with (
        running_gateway(
            postgres,
            services={"loyalty": small_service("loyalty", behaviour)},
            feedback_url=f"http://127.0.0.1:{free_port()}",
        ) as gateway,
        gateway.client() as client,
    ):
        answer = (await client.get("/v1/post-purchase/o-1")).json()
    assert [answer[name]["status"] for name in SERVICES] == ["ok", "unavailable", "unavailable", "unavailable"]
