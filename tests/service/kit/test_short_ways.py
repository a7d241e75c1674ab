"""What makes a request cheap changes no answer: the directory beside FastAPI's routing, a read without transaction."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute

from comeback_kit.db import Database, scoped
from comeback_kit.directory import Directory
from tests.support.apps import ServiceUnderTest
from tests.support.postgres import TestServer
from tests.support.tiny.app import DOUBLE, GLANCE
from tests.support.tiny.serving import tiny_service

JSON = {"Content-Type": "application/json"}
REQUESTS: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("GET", "/v1/tiny/notes/n1", b"", {}),
    ("GET", "/v1/tiny/notes/nobody", b"", {}),
    ("GET", f"/v1/tiny/notes/{'x' * 129}", b"", {}),
    ("GET", "/v1/tiny/notes/a%01b", b"", {}),
    ("GET", "/v1/tiny/notes/a%2Fb", b"", {}),
    ("GET", "/v1/tiny/notes/", b"", {}),
    ("GET", "/v1/tiny/notes", b"", {}),
    ("PUT", "/v1/tiny/notes/n1", b"", {}),
    ("HEAD", "/v1/tiny/notes/n1", b"", {}),
    ("GET", "/v1/tiny/notes/n1/glance", b"", {}),
    ("GET", "/v1/tiny/notes/n1/glance?size=2", b"", {}),
    ("GET", "/v1/tiny/notes/n1/glance?size=-2", b"", {}),
    ("GET", "/v1/tiny/notes/n1/glance?size=x&size=3", b"", {}),
    ("GET", "/v1/tiny/notes/other/glance", b"", {}),
    ("GET", "/v1/tiny/me", b"", {}),
    ("GET", "/nothing", b"", {}),
    ("POST", "/v1/tiny/notes", b"", JSON),
    ("POST", "/v1/tiny/notes", b"{", JSON),
    ("POST", "/v1/tiny/notes", b"[]", JSON),
    ("POST", "/v1/tiny/notes", b"null", JSON),
    ("POST", "/v1/tiny/notes", b"\xff\xfe", JSON),
    ("POST", "/v1/tiny/notes", b"[" * 100_000, JSON),
    ("POST", "/v1/tiny/notes", b'{"note_id": "n1", "text": "again"}', JSON),
    ("POST", "/v1/tiny/notes", b'{"note_id": "n1", "text": "x"}', {"Content-Type": "application/vnd.x+json"}),
    ("POST", "/v1/tiny/notes", b'{"note_id": "n1", "more": 1}', {"Content-Type": "application/json; charset=utf-8"}),
]


@pytest.fixture
async def tiny(postgres: TestServer) -> AsyncIterator[ServiceUnderTest]:
    async with tiny_service(postgres, roles="api") as service:
        yield service


def through_fastapi(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same caller, past the directory, which leaves mounted apps alone."""
    old = client._transport
    assert isinstance(old, httpx.ASGITransport)
    transport = httpx.ASGITransport(app=old.app, raise_app_exceptions=False, root_path="/elsewhere")
    return httpx.AsyncClient(transport=transport, base_url=client.base_url, headers=client.headers)


async def seen(client: httpx.AsyncClient, request: tuple[str, str, bytes, dict[str, str]]) -> tuple[Any, ...]:
    method, path, content, headers = request
    answer = await client.request(method, path, content=content, headers={**headers, "X-Request-Id": "r1"})
    return answer.status_code, sorted(answer.headers.items()), answer.content


async def test_every_answer_is_the_one_that_fastapi_gives(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as key, tiny.customer("c1") as customer, tiny.anonymous() as nobody:
        note = {"note_id": "n1", "text": "hello"}
        assert (await key.post("/v1/tiny/notes", json=note)).status_code == 201
        async with tiny.client("b") as other:
            await other.post("/v1/tiny/notes", json={"note_id": "other", "text": "hidden"})
        for client in (key, customer, nobody):
            async with through_fastapi(client) as slow:
                for request in REQUESTS:
                    assert await seen(client, request) == await seen(slow, request), request


async def test_the_directory_serves_the_routes_itself(tiny: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    handled = Directory.__call__

    async def watched(self: Directory, scope: Any, receive: Any, send: Any) -> None:
        try:
            await handled(self, scope, receive, send)
        finally:
            called.append(("router" in scope, scope["route"].path))

    monkeypatch.setattr(Directory, "__call__", watched)
    async with tiny.client() as key:
        await key.get("/v1/tiny/notes/n1/glance")
        await key.post("/v1/tiny/notes", json={"note_id": "n1", "text": "hello"})
    assert called[:2] == [(False, "/v1/tiny/notes/{note_id}/glance"), (False, "/v1/tiny/notes")]
    metrics = (await tiny.anonymous().get("/metrics")).text
    assert 'route="/v1/tiny/notes/{note_id}/glance",service="tiny",status="404"' in metrics


@pytest.mark.parametrize("without", [None, "enable_nestloop", "enable_indexscan", "enable_bitmapscan"])
async def test_a_scoped_read_sees_its_own_shop_under_any_plan(postgres: TestServer, without: str | None) -> None:
    # The filter names no shop on purpose: only row-level security stands between the two.
    by_policy = scoped("select text, scope.shop_id from notes where note_id = $2")
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny", api_pool=1)
    await database.open()
    try:
        for shop in ("a", "b"):
            async with database.request(shop) as tx:
                await tx.execute("insert into notes values ($1, 'n', $2, now())", shop, f"of {shop}")
        async with database.pool("api").acquire() as connection:
            await connection.execute(f"set {without} = off" if without else "select 1")
        for _ in range(8):  # a generic plan comes after five
            for shop in ("a", "b", "a'; drop table notes; --"):
                text = f"of {shop}" if len(shop) == 1 else None
                rows = [await database.row(statement, shop, "n") for statement in (by_policy, GLANCE)]
                assert [None if row is None else row["text"] for row in rows] == [text, text]
        async with database.pool("api").acquire() as connection:
            assert await connection.fetchval("select current_setting('app.shop_id', true)") in ("", None)
            assert await connection.fetchval("select count(*) from notes") == 0
    finally:
        await database.close()


@pytest.mark.parametrize(
    "without", [None, "enable_nestloop", "enable_indexscan", "enable_bitmapscan", "enable_hashjoin", "enable_seqscan"]
)
async def test_a_gated_write_changes_its_own_shop_under_any_plan(postgres: TestServer, without: str | None) -> None:
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny", api_pool=1)
    await database.open()
    try:
        async with database.pool("api").acquire() as connection:
            await connection.execute(f"set {without} = off" if without else "select 1")
        for number in range(8):  # a generic plan comes after five
            for shop in ("a", "b"):
                async with database.request(shop) as tx:
                    await tx.execute("insert into notes values ($1, $2, $3, now())", shop, f"n{number}", f"{shop}.")
            for shop, answer in (("a", "a.a."), ("c", None), ("a'; drop table notes; --", None)):
                rows = await database.rows(DOUBLE, shop, f"n{number}")
                assert [row["text"] for row in rows] == ([] if answer is None else [answer])
        async with database.request("b") as tx:
            assert await tx.fetchval("select string_agg(distinct text, ',') from notes") == "b."
        async with database.pool("api").acquire() as connection:
            assert await connection.fetchval("select current_setting('app.shop_id', true)") in ("", None)
    finally:
        await database.close()


async def test_a_door_writes_alone_and_for_a_keyed_caller_with_the_kept_answer(tiny: ServiceUnderTest) -> None:
    key = {"Idempotency-Key": "k"}
    async with tiny.client() as client:
        for name in ("n1", "n2"):
            await client.post("/v1/tiny/notes", json={"note_id": name, "text": name})
        alone = [await client.post("/v1/tiny/notes/n1/double") for _ in range(2)]
        kept = [await client.post("/v1/tiny/notes/n2/double", headers=key) for _ in range(2)]
        assert [one.status_code for one in alone] == [200, 500]  # the copy is there: nothing is doubled again
        assert [one.json()["text"] for one in kept] == ["n2n2", "n2n2"]
        assert (await client.get("/v1/tiny/notes/n1")).json()["text"] == "n1n1"


async def test_a_scoped_read_cannot_write_into_another_shop(postgres: TestServer) -> None:
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny")
    await database.open()
    try:
        write = """insert into notes select 'b', 'n', shop, now() from set_config('app.shop_id', $1, true) shop
                   returning note_id"""
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.row(write, "a")
    finally:
        await database.close()


def test_a_query_that_does_not_name_the_shop_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scope\.shop_id"):
        scoped("select 1")


async def test_a_route_class_with_a_handler_of_its_own_keeps_it() -> None:
    """Hosted pages show their failures themselves: taken the short way, a reader would get JSON."""

    class Wrapped(APIRoute):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def shown(request: Request) -> Response:
                return PlainTextResponse(f"wrapped {(await handle(request)).status_code}")

            return shown

    async def endpoint() -> Response:
        return PlainTextResponse("bare")

    pages, plain = APIRouter(route_class=Wrapped), APIRouter()
    pages.add_api_route("/pages/one", endpoint)
    plain.add_api_route("/plain/one", endpoint)
    app = FastAPI()
    for router in (pages, plain):
        app.include_router(router)
    directory = Directory(app, owner=app, routers=(pages, plain))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=directory), base_url="http://service") as client:
        assert (await client.get("/pages/one")).text == "wrapped 200"
        assert (await client.get("/plain/one")).text == "bare"
