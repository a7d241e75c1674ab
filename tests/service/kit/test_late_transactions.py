"""An endpoint that begins its transaction itself: one effect a key, one answer, and nothing of what is refused."""

import asyncio

import httpx
import pytest

from tests.service.kit import test_http
from tests.service.kit.test_http import note
from tests.support.apps import ServiceUnderTest

clock, tiny = test_http.clock, test_http.tiny


async def late(client: httpx.AsyncClient, key: str | None, text: str = "hello", size: int = 0) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/v1/tiny/late", json=note(text=text) | {"size": size}, headers=headers)


@pytest.mark.parametrize("key", [None, "k"])
async def test_what_is_refused_leaves_nothing_and_what_is_written_is_there(
    tiny: ServiceUnderTest, key: str | None
) -> None:
    async with tiny.client() as client:
        assert (await late(client, key, text="")).json()["code"] == "never_seen"
        assert (await late(client, key, size=1)).status_code == 409
        assert (await client.get("/v1/tiny/notes/n1")).status_code == 404
        assert (await late(client, key)).status_code == 201
        assert (await client.get("/v1/tiny/notes/n1")).status_code == 200


async def test_a_key_replays_and_refuses_another_body(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        first = await late(client, "k")
        again = await late(client, "k")
        assert (again.status_code, again.content, again.headers["idempotency-replay"]) == (201, first.content, "true")
        assert (await late(client, "k", text="")).json()["code"] == "idempotency_key_reused"
        assert (await late(client, "other")).json()["code"] == "note_exists"


async def test_many_at_once_under_one_key_have_one_effect(tiny: ServiceUnderTest) -> None:
    async with tiny.client() as client:
        answers = await asyncio.gather(*(late(client, "k") for _ in range(30)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_use"}
    fresh = [one for one in answers if one.status_code == 201 and "idempotency-replay" not in one.headers]
    assert len(fresh) == 1
