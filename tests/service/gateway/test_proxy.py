"""What of a request reaches a service, and what of its answer comes back; in one process and over HTTP."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from comeback_kit.auth import Principal, Verifier
from gateway.settings import SERVICES
from tests.service.gateway.running import SHOP_KEY, Running, customer_token, running_gateway
from tests.service.gateway.small_services import small_service
from tests.support.apps import KEYS
from tests.support.comeback import free_port
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """An app behind a real uvicorn, in a thread of its own."""
    port = free_port()
    config = uvicorn.Config(
        app, port=port, log_level="critical", access_log=False, ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest_asyncio.fixture(params=["in_process", "http"], scope="module", loop_scope="module")
async def either(request: pytest.FixtureRequest, postgres: TestServer) -> AsyncIterator[Running]:
    """The same gateway with its services in this process, and behind HTTP."""
    if request.param == "in_process":
        async with running_gateway(postgres) as running:
            yield running
        return
    with served(small_service("loyalty")) as loyalty, served(small_service("notifications")) as notifications:
        async with running_gateway(
            postgres, services={}, loyalty_url=loyalty, notifications_url=notifications
        ) as running:
            yield running


async def test_a_request_reaches_its_service_as_it_was_sent(either: Running) -> None:
    async with either.client() as client:
        answer = await client.post("/v1/loyalty/echo/a%20b?x=1&y=%2F", content=b"hello", headers={"X-Mine": "1"})
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["service"], seen["method"], seen["query"]) == ("loyalty", "POST", "x=1&y=%2F")
    assert seen["path"] == "/v1/loyalty/echo/a%20b"
    assert seen["body"] == "hello"
    assert ["x-mine", "1"] in seen["headers"]
    assert seen["caller"][:3] == ["demo", "demo0001", "key"]


async def test_a_service_gets_the_internal_token_and_nothing_that_a_caller_could_forge(either: Running) -> None:
    forged = {
        "X-Comeback-Shop": "other",
        "X-Forwarded-For": "127.0.0.1",
        "Connection": "keep-alive, X-Secret",
        "X-Secret": "1",
        "TE": "trailers",
        "Proxy-Authorization": "Basic x",
    }
    async with either.client() as client:
        answer = await client.get("/v1/loyalty/echo/x", headers=forged)
        sent = client.headers["authorization"]
    headers = dict(answer.json()["headers"])
    token = headers["authorization"].removeprefix("Bearer ")
    assert token not in sent
    principal = Verifier(KEYS.public).principal(token)
    assert principal.shop_id == "demo"
    assert "admin" in principal.scopes
    assert headers["x-forwarded-for"] == "203.0.113.9"
    assert not {"x-comeback-shop", "x-secret", "te", "proxy-authorization"} & headers.keys()


async def test_a_customer_reaches_only_their_own_paths(either: Running) -> None:
    async with either.client(customer_token("c-7")) as client:
        answer = await client.get("/v1/loyalty/me/transactions")
        assert answer.json()["caller"] == ["demo", "c-7", "customer", []]
        assert (await client.get("/v1/loyalty/me")).status_code == 200
        refused = await client.get("/v1/loyalty/echo/x")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await client.get("/v1/loyalty/me/../echo/x")).status_code in (403, 404)
        assert (await client.get("/v1/loyalty/me%2F..%2Fecho%2Fx")).status_code == 404


async def test_request_ids_and_traces_go_through(either: Running) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    async with either.client() as client:
        answer = await client.get("/v1/loyalty/echo/x", headers={"X-Request-Id": "mine-1", "traceparent": trace})
        assert answer.headers.get_list("x-request-id") == ["mine-1"]
        seen = dict(answer.json()["headers"])
        assert (seen["x-request-id"], seen["traceparent"]) == ("mine-1", trace)
        answer = await client.get("/v1/loyalty/echo/x", headers={"X-Request-Id": "bad id!", "traceparent": "00-0-0-0"})
        made = answer.headers["x-request-id"]
        seen = dict(answer.json()["headers"])
        assert made != "bad id!"
        assert seen["x-request-id"] == made
        assert seen["traceparent"] != "00-0-0-0"
        assert (await client.get("/nowhere")).headers["x-request-id"]


async def test_answers_stream_and_lose_hop_by_hop_headers(either: Running) -> None:
    async with either.client() as client, client.stream("GET", "/v1/loyalty/stream?parts=100&size=1000") as answer:
        assert answer.status_code == 200
        assert answer.headers["x-own"] == "yes"
        assert "x-hop" not in answer.headers
        assert "connection" not in answer.headers
        body = await answer.aread()
    assert len(body) == 100_000


async def test_a_body_of_more_than_a_megabyte_is_refused_however_it_comes(either: Running) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100_000

    async with either.client() as client:
        for refused in (
            await client.post("/v1/loyalty/echo/x", content=b"x" * 1_048_577),
            await client.post("/v1/loyalty/echo/x", content=chunks()),
        ):
            assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        taken = await client.post("/v1/loyalty/echo/x", content=b"x" * 1_048_576)
        assert taken.json()["body_size"] == 1_048_576


async def test_hosted_pages_are_open_and_credentials_do_not_go_there(either: Running) -> None:
    async with either.client() as client:
        page = await client.post("/p/token-1", content=b"a=1")
        assert (page.status_code, page.json()["body"]) == (200, "a=1")
        assert page.json()["authorization"] is None
    async with either.client(None) as client:
        assert (await client.get("/p/token-1")).status_code == 200


async def test_a_service_that_is_not_there_is_503_with_retry_after(postgres: TestServer) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    async with running_gateway(postgres, services={}, loyalty_url=closed) as gateway, gateway.client() as client:
        for path in ("/v1/loyalty/echo/x", "/v1/feedback/echo/x"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert answer.json()["retryable"] is True
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_service_that_fails_answers_500_and_others_go_on(either: Running) -> None:
    async with either.client() as client:
        answer = await client.get("/v1/loyalty/broken")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert (await client.get("/v1/notifications/echo/x")).status_code == 200


async def test_an_answer_that_breaks_off_cuts_the_callers_connection(gateway: Running) -> None:
    async with served_here(gateway.app) as url, httpx.AsyncClient(base_url=url) as client:
        client.headers["authorization"] = f"Bearer {SHOP_KEY}"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/loyalty/stream?parts=9&break_after=3")


@contextlib.asynccontextmanager
async def served_here(app: FastAPI) -> AsyncIterator[str]:
    """A running gateway behind a real server in this loop; its lifespan is the caller's."""
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="critical", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    try:
        await eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def test_a_slow_call_in_this_process_is_bounded(postgres: TestServer) -> None:
    async with running_gateway(postgres, upstream_timeout=0.2) as gateway, gateway.client() as client:
        answer = await client.get("/v1/loyalty/slow?seconds=5")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


async def test_one_busy_service_does_not_take_the_others(postgres: TestServer) -> None:
    async with running_gateway(postgres, upstream_limit=2) as gateway, gateway.client() as client:
        held = [asyncio.create_task(client.get("/v1/loyalty/slow?seconds=1")) for _ in range(2)]
        bulkhead = gateway.app.state.parts.upstreams["loyalty"]._bulkhead
        await eventually(lambda: bulkhead.in_flight == 2)
        answer = await client.get("/v1/loyalty/echo/x")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_busy")
        assert (await client.get("/v1/feedback/echo/x")).status_code == 200
        assert [one.status_code for one in await asyncio.gather(*held)] == [200, 200]


async def test_the_mailbox_opens_from_this_machine_or_with_a_shop_key(gateway: Running) -> None:
    for address, headers, token, status in (
        ("127.0.0.1", {"Host": "127.0.0.1:8000"}, None, 200),
        ("127.0.0.1", {"Host": "localhost"}, None, 200),
        ("::1", {"Host": "[::1]:8000"}, None, 200),
        ("203.0.113.9", {"Host": "localhost"}, None, 401),
        ("127.0.0.1", {"Host": "localhost", "X-Forwarded-For": "203.0.113.9"}, None, 401),
        ("127.0.0.1", {"Host": "localhost", "Forwarded": "for=203.0.113.9"}, None, 401),
        ("127.0.0.1", {"Host": "rebound.evil.example:8000"}, None, 401),
        ("127.0.0.1", {"Host": "localhost.evil.example"}, None, 401),
        ("203.0.113.9", {}, SHOP_KEY, 200),
        ("203.0.113.9", {}, customer_token("c-1"), 403),
        ("127.0.0.1", {}, "nonsense", 401),
    ):
        async with gateway.client(token, address, **headers) as client:
            assert (await client.get("/mailbox")).status_code == status, (address, headers, token)


async def test_paths_and_methods_that_are_not_there(gateway: Running) -> None:
    async with gateway.client() as client:
        for path in ("/", "/v1", "/v1/unknown", "/v2/loyalty/me", "/f", "//v1/events"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        answer = await client.get("/v1/events")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_head_answers_as_get_does_without_a_body(either: Running) -> None:
    """Of services and of the gateway's own pages, refusals too."""
    async with either.client(**{"X-Request-Id": "r1"}) as client:
        for path, status in (
            ("/v1/loyalty/echo/x?of=y", 200),
            ("/v1/loyalty/nothing", 404),
            ("/v1/loyalty/stream", 200),
            ("/mailbox", 200),
            ("/v1/post-purchase/unknown", 404),
            ("/v1/events", 405),
            ("/v1/unknown", 404),
            ("/livez", 200),
            ("/openapi.json", 200),
        ):
            got, head = await client.get(path), await client.head(path)
            assert (got.status_code, head.status_code) == (status, status), path
            assert got.content
            assert head.content == b""
            same = {name: value for name, value in got.headers.items() if name != "date"}
            assert {name: value for name, value in head.headers.items() if name != "date"} == same, path


async def test_where_get_is_allowed_head_is_told_as_allowed_too(gateway: Running) -> None:
    async with gateway.client() as client:
        answer = await client.put("/v1/post-purchase/o1")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert [path for path, methods in paths.items() if "head" in methods] == []


async def test_a_path_and_a_query_that_are_no_text_reach_no_service(either: Running) -> None:
    async with either.client() as client:
        for path, pointer in (
            ("/v1/loyalty/echo/%ED%A0%80", "/path"),
            ("/v1/loyalty/echo/x?of=%00", "/query/of"),
            ("/v1/feedback/echo/x?of=%FF", "/query/of"),
            ("/v1/post-purchase/%ED%A0%80", "/path"),
        ):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), path
        assert (await client.get("/v1/loyalty/echo/%EF%BF%BD?of=%EF%BF%BD")).status_code == 200
    async with either.client(None) as nobody:
        assert (await nobody.get("/v1/loyalty/echo/x?of=%00")).status_code == 401


async def test_all_four_services_are_behind_the_gateway(gateway: Running) -> None:
    async with gateway.client() as client:
        for name in SERVICES:
            assert (await client.get(f"/v1/{name}/echo/x")).json()["service"] == name


async def test_an_internal_token_is_no_credential_here(gateway: Running) -> None:
    token = gateway.app.state.parts.minter.token(Principal("demo", "demo0001", "key", frozenset({"admin"})))
    async with gateway.client(token) as client:
        assert (await client.get("/v1/loyalty/echo/x")).status_code == 401


async def test_metrics_count_what_was_proxied(gateway: Running) -> None:
    async with gateway.client() as client:
        await client.get("/v1/loyalty/echo/x")
        text = (await client.get("/metrics")).text
    assert 'comeback_http_requests_total{method="GET",route="/v1/loyalty/*",service="gateway",status="200"}' in text
