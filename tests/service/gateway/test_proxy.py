"""What of a request reaches a service, and what of its answer comes back."""

from collections.abc import AsyncIterator

import pytest

from tests.service.gateway.running import Running, running_gateway
from tests.support.postgres import TestServer


@pytest.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[Running]:
    async with running_gateway(postgres) as running:
        yield running


async def test_a_request_reaches_its_service_as_it_was_sent(gateway: Running) -> None:
    async with gateway.client() as client:
        answer = await client.post("/v1/loyalty/echo/a%20b?x=1&y=%2F", content=b"hello", headers={"X-Mine": "1"})
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["service"], seen["method"], seen["query"]) == ("loyalty", "POST", "x=1&y=%2F")
    assert seen["path"] == "/v1/loyalty/echo/a%20b"
    assert seen["body"] == "hello"
    assert ["x-mine", "1"] in seen["headers"]
    assert seen["caller"][:3] == ["demo", "demo0001", "key"]
