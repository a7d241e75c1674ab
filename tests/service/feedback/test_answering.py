"""One answer per link, and answers in parts (cases/feedback.md section B)."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.service.feedback.world import World, delivered, instant, order

TWO = {
    "name": "Two",
    "questions": [
        {"id": "nps", "type": "nps", "text": "How likely?"},
        {"id": "why", "type": "text", "text": "Why?"},
        {"id": "more", "type": "text", "text": "More?", "required": False},
    ],
}


async def post(world: World, path: str, body: Any) -> tuple[int, Any]:
    async with world.json() as program:
        answer = await program.post(path, json=body)
        return answer.status_code, answer.json()


@pytest.fixture
async def path(world: World) -> str:
    """The link of a delivered order, with two required questions."""
    await world.put_survey(TWO)
    await world.take(delivered(at=world.now))
    return await world.link()


async def test_an_answer_is_told_once_without_what_was_written(world: World) -> None:
    await world.take(delivered(at=world.now))
    answered_at = world.later(hours=1)
    await world.fill_in(await world.link(), {"nps": "3", "comment": "call me at 555-1234"})
    (published,) = await world.events("survey.answered")
    data = msgspec.json.decode(published.data)
    (kept,) = await world.responses()
    assert data == {
        "response_id": kept["response_id"],
        "survey_id": "nps",
        "survey_version": 1,
        "customer_id": "c1",
        "order_id": "1001",
        "metric": "nps",
        "score": 3,
        "answers": {"nps": 3},
        "at": instant(answered_at),
    }
    assert published.subject == "c1"


async def test_a_hundred_answers_at_once_are_one(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()

    async def send(value: int) -> str:
        answer = await world.visitor.post(path, data={"nps": str(value % 11)})
        assert answer.status_code == 200, answer.text
        return answer.text

    pages = await asyncio.gather(*(send(value) for value in range(100)))
    assert sum("Thank you!" in page for page in pages) == 1
    assert sum("You have already answered" in page for page in pages) == 99
    assert len(await world.responses()) == 1
    assert len(await world.events("survey.answered")) == 1
    assert (await world.score())["n"] == 1


async def test_b11_finishing_without_the_required_answers_is_refused(world: World, path: str) -> None:
    for body in ({"answers": {}, "finished": True}, {"answers": {"nps": None}}, {}):
        status, problem = await post(world, path, body)
        assert status == 422
        assert {one["pointer"] for one in problem["errors"]} >= {"/answers/nps", "/answers/why"}
    assert await world.responses() == []
    assert await world.events("survey.answered") == []


async def test_b12_a_part_stays_a_part_until_what_is_required_is_there(world: World, path: str) -> None:
    assert (await post(world, path, {"answers": {"nps": 7}, "finished": False}))[0] == 200
    status, problem = await post(world, path, {"answers": {}, "finished": True})
    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, ["/answers/why"])
    (kept,) = await world.responses()
    assert (kept["finished"], kept["answers"]) == (False, {"nps": 7})
    assert (await post(world, path, {"answers": {"why": "ok"}}))[1]["finished"] is True
    (kept,) = await world.responses()
    assert kept["answers"] == {"nps": 7, "why": "ok", "more": None}


async def test_b14_finishing_three_times_is_one_response_and_one_event(world: World, path: str) -> None:
    body = {"answers": {"nps": 7, "why": "ok"}, "finished": True}
    assert [(await post(world, path, body))[0] for _ in range(3)] == [200, 409, 409]
    assert len(await world.responses()) == 1
    assert len(await world.events("survey.answered")) == 1


@pytest.mark.parametrize(("partials_count", "n"), [(False, 0), (True, 1)])
async def test_b16_what_was_begun_is_kept_and_counts_where_the_survey_says_so(
    world: World, path: str, partials_count: bool, n: int
) -> None:
    await world.put_survey({**TWO, "partials_count": partials_count})
    await post(world, path, {"answers": {"nps": 7}, "finished": False})
    (kept,) = await world.responses()
    assert (kept["finished"], kept["answers"]) == (False, {"nps": 7})
    score = await world.score()
    assert (score["started"], score["completed"], score["n"]) == (1, 0, n)
    assert await world.events("survey.answered") == []


@pytest.mark.parametrize("value", [11, -1, 7.5, "abc", True, "9"])
async def test_a7_json_that_is_no_answer_is_refused(world: World, path: str, value: Any) -> None:
    status, problem = await post(world, path, {"answers": {"nps": value, "why": "x"}})
    assert (status, problem["code"]) == (422, "answers_invalid")
    assert [one["pointer"] for one in problem["errors"]] == ["/answers/nps"]
    assert await world.responses() == []


async def test_c9_one_slot_takes_one_of_two_answers_at_once(world: World) -> None:
    await world.put_survey({**TWO, "max_responses": 1, "recontact_period": "P0D"})
    await world.take(delivered("1", "a", at=world.now), delivered("2", "b", at=world.now))
    links = [await world.link("1"), await world.link("2")]
    body = {"answers": {"nps": 7, "why": "ok"}}
    answers = await asyncio.gather(*(post(world, link, body) for link in links))
    assert sorted(status for status, _ in answers) == [200, 410]
    assert next(body["code"] for status, body in answers if status == 410) == "survey_closed"
    assert (await world.score())["n"] == 1
    await world.take(delivered("3", "c", at=world.now))
    assert (await world.invitations())["3", "nps"] == ("skipped", "full")


async def test_asking_and_answering_at_once_leaves_one_contact(world: World) -> None:
    for number in range(8):
        customer = f"c{number}"
        await world.take(order(f"a{number}", customer, at=world.now))
        path = await world.link(f"a{number}")
        await asyncio.gather(
            world.send(path, {"nps": "9"}), world.take(delivered(f"b{number}", customer, at=world.now))
        )
    found = await world.invitations()
    assert {found[f"a{number}", "nps"] for number in range(8)} == {("answered", None)}
    assert {found[f"b{number}", "nps"] for number in range(8)} <= {("asked", None), ("skipped", "throttled")}
    assert len(await world.events("survey.answered")) == 8
