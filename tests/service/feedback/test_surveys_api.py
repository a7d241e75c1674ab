"""Surveys as documents: versions, faults, who may."""

import asyncio
from typing import Any

import pytest

from tests.service.feedback.world import World

DOCUMENT = {"name": "Mine", "questions": [{"id": "q", "type": "csat", "text": "Happy?"}]}


async def test_every_shop_has_an_nps_survey(world: World) -> None:
    survey = await world.get("surveys/nps")
    assert (survey["survey_id"], survey["version"], survey["updated_at"]) == ("nps", 1, None)
    assert survey["questions"][0]["type"] == "nps"
    assert survey["trigger"] == {"on": "delivered"}
    assert (survey["waiting_period"], survey["recontact_period"]) == ("P0D", "P90D")
    async with world.service.client("never-heard-of") as client:
        assert (await client.get("/v1/feedback/surveys/nps")).status_code == 200


async def test_what_was_read_can_be_changed_and_put_back(world: World) -> None:
    survey = await world.get("surveys/nps")
    survey["waiting_period"] = "P2D"
    changed = await world.put_survey(survey)
    assert (changed["version"], changed["waiting_period"]) == (2, "P2D")
    assert await world.get("surveys/nps") == changed
    assert (await world.get("surveys/nps/versions/1"))["waiting_period"] == "P0D"
    await world.get("surveys/nps/versions/3", expect=404)


async def test_an_older_copy_does_not_overwrite_a_newer_change(world: World) -> None:
    copy = await world.get("surveys/nps")
    await world.put_survey({**copy, "name": "first"})
    refused = await world.put_survey({**copy, "name": "second"}, expect=409)
    assert refused["code"] == "version_conflict"
    assert (await world.get("surveys/nps"))["name"] == "first"


async def test_a_new_survey_starts_with_version_1(world: World) -> None:
    assert (await world.put_survey(DOCUMENT, "mine"))["version"] == 1
    assert (await world.put_survey(DOCUMENT, "mine"))["version"] == 2
    listed = await world.get("surveys")
    assert [(one["survey_id"], one["version"]) for one in listed["items"]] == [("mine", 2), ("nps", 1)]
    first = await world.get("surveys", limit=1)
    rest = await world.get("surveys", limit=1, cursor=first["next_cursor"])
    assert [one["items"][0]["survey_id"] for one in (first, rest)] == ["mine", "nps"]
    assert rest["next_cursor"] is None


async def test_twenty_puts_at_once_are_twenty_versions(world: World) -> None:
    answers = await asyncio.gather(*(world.put_survey(DOCUMENT, "mine") for _ in range(20)))
    assert sorted(one["version"] for one in answers) == list(range(1, 21))


async def test_a_survey_belongs_to_its_shop(world: World) -> None:
    await world.put_survey(DOCUMENT, "mine")
    async with world.service.client("other") as client:
        answer = await client.get("/v1/feedback/surveys/mine")
        assert (answer.status_code, answer.json()["code"]) == (404, "survey_unknown")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"survey_id": "other"}, "/survey_id"),
        ({"version": 0}, "/version"),
        ({"questions": [{"id": "q", "type": "nps", "text": {"en": ""}}]}, "/questions/0/text/en"),
        ({"questions": [{"id": "q", "type": "nps"}]}, "/questions/0/text"),
        ({"logic": [{"after": "q", "then": [{"jump": "x"}]}]}, "/logic/0/then/0/jump"),
        ({"name": "a\x00b"}, "/name"),
        ({"waiting_period": "P1M"}, "/waiting_period"),
    ],
)
async def test_a_fault_is_named_with_its_pointer(world: World, change: dict[str, Any], pointer: str) -> None:
    refused = await world.put_survey({**DOCUMENT, **change}, expect=422)
    assert refused["code"] == "invalid_request"
    assert [one["pointer"] for one in refused["errors"]] == [pointer]
    await world.get("surveys/mine", expect=404)


async def test_broken_json_is_400(world: World) -> None:
    answer = await world.client.put(
        "/v1/feedback/surveys/nps", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [
        (["feedback:read"], 200, 403),
        (["feedback:write"], 403, 200),
        (["loyalty:read"], 403, 403),
        (["admin"], 200, 200),
    ],
)
async def test_keys_need_their_scopes(world: World, scopes: list[str], read: int, write: int) -> None:
    async with world.service.client(scopes=frozenset(scopes)) as client:
        assert (await client.get("/v1/feedback/surveys/nps")).status_code == read
        assert (await client.get("/v1/feedback/scores?metric=nps")).status_code == read
        assert (await client.get("/v1/feedback/responses")).status_code == read
        assert (await client.put("/v1/feedback/surveys/mine", json=DOCUMENT)).status_code == write


async def test_without_credentials_and_as_a_customer_there_is_nothing(world: World) -> None:
    async with world.service.anonymous() as nobody, world.service.customer("c1") as customer:
        for path in ("surveys/nps", "scores?metric=nps", "responses"):
            assert (await nobody.get(f"/v1/feedback/{path}")).status_code == 401
            assert (await customer.get(f"/v1/feedback/{path}")).status_code == 403


async def test_the_description_of_the_api_names_every_path(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]
    assert {
        "/v1/feedback/surveys",
        "/v1/feedback/surveys/{survey_id}",
        "/v1/feedback/responses",
        "/v1/feedback/scores",
        "/v1/feedback/orders/{order_id}/post-purchase",
        "/f/{token}",
    } <= set(paths)
