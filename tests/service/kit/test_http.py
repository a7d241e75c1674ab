"""The HTTP manners on a real database: transactions, scopes, idempotency keys, problems, row-level security."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from starlette.responses import Response

from comeback_kit import idempotency
from comeback_kit.db import Database, SuperuserRefused, role_name
from tests.support.apps import Clock, ServiceUnderTest
from tests.support.postgres import TestServer
from tests.support.tiny.serving import tiny_service

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def tiny(postgres: TestServer, clock: Clock) -> AsyncIterator[ServiceUnderTest]:
    async with tiny_service(postgres, clock=clock) as service:
        yield service


def note(note_id: str = "n1", text: str = "hello") -> dict[str, str]:
    return {"note_id": note_id, "text": text}


async def test_a_written_note_is_read_and_another_shop_does_not_see_it(tiny: ServiceUnderTest) -> None:
    async with tiny.client("a") as a, tiny.client("b") as b:
        assert (await a.post("/v1/tiny/notes", json=note())).status_code == 201
        assert (await a.get("/v1/tiny/notes/n1")).json()["text"] == "hello"
        answer = await b.get("/v1/tiny/notes/n1")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_exception_rolls_everything_back_and_names_the_request(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        failed = await client.post("/v1/tiny/boom", headers={"X-Request-Id": "req-7"})
        assert (failed.status_code, failed.json()["request_id"]) == (500, "req-7")
        assert "boom" not in failed.json()["detail"]
        assert (await client.get("/v1/tiny/notes/boom")).status_code == 404


@pytest.mark.parametrize(
    ("scopes", "status", "code"),
    [({"tiny:read"}, 403, "missing_scope"), ({"tiny:write"}, 201, None), ({"admin"}, 201, None)],
)
async def test_a_key_needs_the_scope(tiny: ServiceUnderTest, scopes: set[str], status: int, code: str | None) -> None:
    async with tiny.client(scopes=frozenset(scopes)) as client:
        answer = await client.post("/v1/tiny/notes", json=note())
    assert answer.status_code == status
    assert answer.json().get("code") == code


async def test_without_a_token_401_and_a_customer_opens_only_me(tiny: ServiceUnderTest) -> None:
    async with tiny.anonymous() as nobody, tiny.customer("c1") as customer, tiny.client() as key:
        refused = await nobody.get("/v1/tiny/notes/n1")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await customer.get("/v1/tiny/me")).json() == {"customer_id": "c1"}
        assert (await customer.get("/v1/tiny/notes/n1")).status_code == 403
        assert (await key.get("/v1/tiny/me")).status_code == 403


async def test_an_altered_token_is_401(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        good = client.headers["authorization"]
        for bad in (good[:-6] + "AAAAAA", "Bearer x", "Bearer a.b.c"):
            assert (await client.get("/v1/tiny/notes/n1", headers={"Authorization": bad})).status_code == 401


@pytest.mark.parametrize(
    ("content", "status", "pointer"),
    [
        (b"{", 400, None),
        (b'{"note_id": "n", "text": NaN}', 400, None),
        (b"[]", 422, ""),
        (b'{"note_id": "n"}', 422, "/text"),
        (b'{"note_id": "n", "text": "t", "extra": 1}', 422, "/extra"),
        (b'{"note_id": "n", "text": 5}', 422, "/text"),
        (b'{"note_id": "n", "text": "t", "size": 9007199254740992}', 422, "/size"),
        (rb'{"note_id": "n", "text": "a\u0000b"}', 422, "/text"),
        (rb'{"note_id": "n", "text": "a\ud800b"}', 422, "/text"),
        (b'{"note_id": "n", "text": ' + b"[" * 500 + b"]" * 500 + b"}", 422, "/text"),
    ],
    ids=[
        "broken",
        "nan",
        "not-an-object",
        "missing",
        "unknown",
        "wrong-type",
        "beyond-2^53",
        "nul",
        "surrogate",
        "deep",
    ],
)
async def test_bad_bodies_are_named(tiny: ServiceUnderTest, content: bytes, status: int, pointer: str | None) -> None:
    async with tiny.client() as client:
        answer = await client.post("/v1/tiny/notes", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if pointer is not None:
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 201),
        ("application/json; charset=utf-8", 201),
        ("application/vnd.shop+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("nonsense", 415),
    ],
)
async def test_a_body_is_json_unless_its_type_says_something_else(
    tiny: ServiceUnderTest, kind: str | None, status: int
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    async with tiny.client() as client:
        answer = await client.post("/v1/tiny/notes", content=b'{"note_id": "n", "text": "t"}', headers=headers)
        broken = await client.post("/v1/tiny/notes", content=b"{", headers=headers)
    assert answer.status_code == status
    assert broken.status_code == (400 if status == 201 else 415)
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/tiny/notes/%ED%A0%80", "/path"),
        ("/v1/tiny/notes/a%FFb", "/path"),
        ("/v1/tiny/notes/a%C2%85b", "/path/note_id"),
        ("/v1/tiny/notes/a%00b", "/path/note_id"),
        ("/v1/tiny/notes/n1?x=1&of=%00", "/query/of"),
        ("/v1/tiny/notes/n1?of=a%ed%a0%80", "/query/of"),
        ("/v1/tiny/notes/n1?a~b/c%FF=1", "/query/a~0b~1c\ufffd"),
        ("/v1/tiny/notes/n1?%00=1", "/query"),
    ],
)
async def test_a_path_and_a_query_are_text(tiny: ServiceUnderTest, path: str, pointer: str) -> None:
    async with tiny.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", ["/v1/tiny/notes/%EF%BF%BD", "/v1/tiny/notes/%F0%9F%98%80?of=%C3%BC%F0%9F%98%80"])
async def test_every_other_character_is_one_of_an_id(tiny: ServiceUnderTest, path: str) -> None:
    async with tiny.client() as client:
        assert (await client.get(path)).status_code == 404


async def test_a_body_over_the_limit_is_413(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        answer = await client.post("/v1/tiny/notes", json=note(text="x" * 1_100_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_idempotency_key_replays_refuses_and_expires(tiny: ServiceUnderTest, clock: Clock) -> None:
    key = {"Idempotency-Key": "k" * 255}
    async with tiny.client() as client, tiny.client(subject="other") as other:
        first = await client.post("/v1/tiny/notes", json=note(), headers=key)
        again = await client.post("/v1/tiny/notes", json=note(), headers=key)
        assert (again.status_code, again.content, again.headers["idempotency-replay"]) == (201, first.content, "true")
        assert "idempotency-replay" not in first.headers
        reused = await client.post("/v1/tiny/notes", json=note(text="else"), headers=key)
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        assert (await other.post("/v1/tiny/notes", json=note(), headers=key)).status_code == 409
        long = await client.post("/v1/tiny/notes", json=note("n2"), headers={"Idempotency-Key": "k" * 256})
        assert long.status_code == 400
        clock.now += timedelta(hours=25)
        assert (await client.post("/v1/tiny/notes", json=note(), headers=key)).json()["code"] == "note_exists"


async def test_errors_are_not_kept_under_a_key(tiny: ServiceUnderTest) -> None:
    key = {"Idempotency-Key": "k"}
    async with tiny.client(scopes=frozenset({"tiny:read"})) as poor, tiny.client() as rich:
        assert (await poor.post("/v1/tiny/notes", json=note(), headers=key)).status_code == 403
        assert (await rich.post("/v1/tiny/notes", json=note(), headers=key)).status_code == 201


async def test_a_hundred_at_once_under_one_key_have_one_effect(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        answers = await asyncio.gather(
            *(client.post("/v1/tiny/notes", json=note(), headers={"Idempotency-Key": "k"}) for _ in range(100))
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [a for a in answers if a.status_code == 201 and "idempotency-replay" not in a.headers]
    assert len(fresh) == 1
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 409)


async def test_a_refusal_that_comes_from_the_own_effect_gives_way_to_the_first_answer(
    tiny: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the kept answers may be older than the lock that comes with it: then the first answer is not seen."""
    begin, looks = idempotency.begin, itertools.count()

    async def looked_too_early(*arguments: Any) -> Response | None:
        return None if next(looks) == 0 else await begin(*arguments)

    async with tiny.client() as client:
        first = await client.post("/v1/tiny/notes", json=note(), headers={"Idempotency-Key": "k"})
        monkeypatch.setattr(idempotency, "begin", looked_too_early)
        second = await client.post("/v1/tiny/notes", json=note(), headers={"Idempotency-Key": "k"})
        refused = await client.post("/v1/tiny/notes", json=note(), headers={"Idempotency-Key": "other"})
    assert (first.status_code, second.status_code, refused.status_code) == (201, 201, 409)
    assert second.headers["idempotency-replay"] == "true"
    assert second.json() == first.json()


async def test_ready_needs_the_schema_of_the_code(tiny: ServiceUnderTest) -> None:
    async with tiny.anonymous() as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/readyz?caught_up=true")).status_code == 200
        assert (await client.get("/livez")).status_code == 200
        assert "comeback_http_requests_total" in (await client.get("/metrics")).text
        connection = await asyncpg.connect(tiny.database_url)
        await connection.execute("update alembic_version set version_num = '0000'")
        await connection.close()
        behind = await client.get("/readyz")
    assert (behind.status_code, behind.json()["code"]) == (503, "not_ready")


async def test_a_service_refuses_a_role_that_no_policy_binds(postgres: TestServer) -> None:
    url = await postgres.fresh("tiny", "tests.support.tiny")
    name = role_name("tiny", "worker")
    connection = await asyncpg.connect(postgres.url)
    database = Database(url, "tiny")
    try:
        await connection.execute(f"alter role {name} bypassrls")
        with pytest.raises(SuperuserRefused):
            await database.open()
    finally:
        await connection.execute(f"alter role {name} nobypassrls")
        await connection.close()
        await database.close()


async def test_unset_and_foreign_shops_see_nothing_and_cannot_write(postgres: TestServer) -> None:
    database = Database(await postgres.fresh("tiny", "tests.support.tiny"), "tiny")
    await database.open()
    try:
        async with database.request("a") as tx:
            await tx.execute("insert into notes values ('a', 'n', 't', now())")
        async with database.request("b") as tx:
            assert await tx.fetchval("select count(*) from notes") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await tx.execute("insert into notes values ('a', 'm', 't', now())")
        async with database.pool("api").acquire() as connection:
            assert await connection.fetchval("select count(*) from notes") == 0
        async with database.work() as tx:
            assert await tx.fetchval("select count(*) from notes") == 1
    finally:
        await database.close()
