"""Health of the gateway, and ``caught_up`` of everything behind it."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.settings import SERVICES
from tests.service.gateway.running import Running, running_gateway
from tests.service.gateway.small_services import Behaviour, small_service
from tests.support.comeback import free_port
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lagging(postgres: TestServer) -> AsyncIterator[tuple[Running, dict[str, Behaviour]]]:
    behaviours = {name: Behaviour() for name in SERVICES}
    services = {name: small_service(name, behaviour) for name, behaviour in behaviours.items()}
    async with running_gateway(postgres, services=services) as gateway:
        async with gateway.client(None) as client:  # the gateway has a shop of its own to tell
            await eventually(lambda: client.get("/readyz?caught_up=true"), that=lambda found: found.status_code == 200)
        yield gateway, behaviours


async def test_health_needs_no_credentials(gateway: Running) -> None:
    async with gateway.client(None) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        assert "python_info" in (await client.get("/metrics")).text


async def test_caught_up_asks_every_service_three_times(lagging: tuple[Running, dict[str, Behaviour]]) -> None:
    gateway, behaviours = lagging
    for behaviour in behaviours.values():
        behaviour.asked = 0
    async with gateway.client(None) as client:
        assert (await client.get("/readyz?caught_up=true")).status_code == 200
    assert [behaviour.asked for behaviour in behaviours.values()] == [3] * 4


@pytest.mark.parametrize("round_number", [0, 1, 2])
async def test_a_lag_in_any_round_is_503_with_the_lags(
    lagging: tuple[Running, dict[str, Behaviour]], round_number: int
) -> None:
    gateway, behaviours = lagging
    behaviours["notifications"].lags = [*([{}] * round_number), {"mails": 3}]
    async with gateway.client(None) as client:
        answer = await client.get("/readyz?caught_up=true")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_caught_up")
        assert answer.json()["lags"] == {"notifications": {"mails": 3}}
        assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/readyz?caught_up=true")).status_code == 200


async def test_a_service_that_is_down_is_not_caught_up_and_the_gateway_is_ready(postgres: TestServer) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    async with running_gateway(postgres, services={}, loyalty_url=down) as gateway, gateway.client(None) as client:

        async def behind() -> list[str]:
            answer = await client.get("/readyz?caught_up=true")
            assert answer.status_code == 503
            return list(answer.json()["lags"])

        await eventually(behind, that=lambda names: names == ["loyalty"])  # the gateway has a shop of its own to tell
        assert (await client.get("/readyz")).status_code == 200


async def test_without_its_database_the_gateway_is_not_ready_and_alive(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway, gateway.client(None) as client:
        await postgres.drop(gateway.database_url)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert (await client.get("/livez")).status_code == 200


async def test_the_merged_document_names_every_service_and_validates(gateway: Running) -> None:
    async with gateway.client(None) as client:
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
    assert document["openapi"].startswith("3.1")
    assert {"/v1/events", "/v1/post-purchase/{order_id}", "/v1/webhooks/{platform}/{shop_id}"} <= document[
        "paths"
    ].keys()
    for name in SERVICES:
        assert f"/v1/{name}/me" in document["paths"]
    assert "/readyz" not in document["paths"]
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= document["components"]["schemas"].keys()
    ids = [item["operationId"] for path in document["paths"].values() for item in path.values()]
    assert len(ids) == len(set(ids))
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/v1/post-purchase/{order_id}" in page.text


async def test_a_document_that_is_missing_is_named(postgres: TestServer) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    services = {"feedback": small_service("feedback")}
    async with (
        running_gateway(postgres, services=services, loyalty_url=down) as gateway,
        gateway.client(None) as client,
    ):
        document = (await client.get("/openapi.json")).json()
    assert "left out here: loyalty" in document["info"]["description"]
    assert "/v1/feedback/me" in document["paths"]
