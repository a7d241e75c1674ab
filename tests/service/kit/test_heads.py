"""HEAD answers what GET answers, without the body, on every path of a service; no route and no document says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Scope

from tests.support.apps import ServiceUnderTest
from tests.support.postgres import TestServer
from tests.support.tiny.serving import tiny_service

PATHS = (
    ("/v1/tiny/notes/n1", 200),
    ("/v1/tiny/notes/n1/glance?size=2", 200),
    ("/v1/tiny/notes/nobody", 404),
    ("/v1/tiny/notes/n1/glance?size=-2", 422),
    ("/v1/tiny/me", 403),
    ("/v1/tiny/notes", 405),
    ("/v1/tiny/late", 405),
    ("/nothing", 404),
    ("/livez", 200),
    ("/readyz", 200),
    ("/openapi.json", 200),
    ("/docs", 200),
)


@pytest.fixture
async def tiny(postgres: TestServer) -> AsyncIterator[ServiceUnderTest]:
    async with tiny_service(postgres, roles="api") as service:
        async with service.client() as client:
            await client.post("/v1/tiny/notes", json={"note_id": "n1", "text": "hello"})
        yield service


@pytest.mark.parametrize(("path", "status"), PATHS)
async def test_head_answers_as_get_does_without_a_body(tiny: ServiceUnderTest, path: str, status: int) -> None:
    async with tiny.client() as client:
        client.headers["X-Request-Id"] = "r1"
        got, head = await client.get(path), await client.head(path)
    assert (got.status_code, head.status_code) == (status, status)
    assert head.headers == got.headers
    assert int(head.headers["content-length"]) == len(got.content) > 0
    assert head.content == b""


async def test_head_without_credentials_is_refused_as_get_is(tiny: ServiceUnderTest) -> None:
    async with tiny.anonymous() as client:
        head = await client.head("/v1/tiny/notes/n1")
    assert (head.status_code, head.content) == (401, b"")
    assert head.headers["www-authenticate"]


async def test_where_get_is_allowed_head_is_told_as_allowed_too(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        for path, allowed in (("notes/n1", "GET, HEAD"), ("notes", "POST"), ("notes/n1/double", "POST")):
            answer = await client.put(f"/v1/tiny/{path}")
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_the_document_knows_nothing_of_it_and_metrics_count_it_apart(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        await client.head("/v1/tiny/notes/n1")
        paths = (await client.get("/openapi.json")).json()["paths"]
        metrics = (await client.get("/metrics")).text
    assert [path for path, methods in paths.items() if "head" in methods] == []
    assert 'method="HEAD",route="/v1/tiny/notes/{note_id}",service="tiny",status="200"' in metrics


async def test_the_server_is_asked_for_a_head_and_sent_no_byte_of_the_body(tiny: ServiceUnderTest) -> None:
    """What the server knows of the request stays as it is: it frames the answer by it."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "HEAD",
        "path": "/livez",
        "raw_path": b"/livez",
        "query_string": b"",
        "headers": [],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        hung_up: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await hung_up  # never

    async def send(message: Message) -> None:
        sent.append(message)

    await tiny.app(scope, receive, send)
    assert scope["method"] == "HEAD"
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert (sent[1]["body"], sent[1].get("more_body", False)) == (b"", False)
