"""Scores and responses over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from tests.service.feedback.world import World, delivered, instant

OPTIONAL = {
    "name": "Optional",
    "questions": [{"id": "nps", "type": "nps", "text": "How likely?", "required": False}],
    "recontact_period": "P0D",
}
METRICS = {
    "name": "Metrics",
    "questions": [
        {"id": "happy", "type": "csat", "text": "Happy?"},
        {"id": "easy", "type": "ces", "text": "Easy?"},
    ],
}


async def answer(world: World, values: list[Any], *, prefix: str = "o", question: str = "nps") -> None:
    """One delivered order and one answer for each value."""
    for number, value in enumerate(values):
        name = f"{prefix}{number}"
        await world.take(delivered(name, name, at=world.now))
        await world.send(await world.link(name), {question: "" if value is None else str(value)})


async def test_a1_a_score_comes_with_n_interval_and_bands(world: World) -> None:
    await answer(world, [10, 9, 9, 8, 7, 6, 0, 10, 9, 3])
    score = await world.score()
    assert (score["score"], score["rounded"], score["n"]) == (20.0, 20, 10)
    assert score["interval"] == {"low": -30.3, "high": 61.1, "level": 0.95}
    assert (score["promoters"], score["passives"], score["detractors"]) == (5, 2, 3)
    assert (score["sent"], score["answered"], score["response_rate"]) == (10, 10, 100.0)
    assert score["definition_version"] == 1
    assert score["survey_versions"] == {"nps": [1]}
    assert score["distribution"] == {"0": 1, "3": 1, "6": 1, "7": 1, "8": 1, "9": 3, "10": 2}


async def test_a2_who_left_it_out_is_not_in_n(world: World) -> None:
    await world.put_survey(OPTIONAL)
    await answer(world, [10] * 5 + [8] * 3 + [0] * 2 + [None] * 10)
    score = await world.score()
    assert (score["score"], score["n"], score["skipped"], score["completed"]) == (30.0, 10, 10, 20)


@pytest.mark.parametrize("metric", ["nps", "csat", "ces"])
async def test_a4_nothing_has_no_score(world: World, metric: str) -> None:
    score = await world.score(metric)
    assert (score["score"], score["interval"], score["n"], score["response_rate"]) == (None, None, 0, None)


async def test_a8_and_ces_of_a_survey_with_both(world: World) -> None:
    await world.put_survey(METRICS, "metrics")
    await world.put_survey({**OPTIONAL, "enabled": False})
    for number, happy in enumerate([5, 4, 4, 3, 5, 2, 5, 4, 1, 5]):
        await world.take(delivered(f"o{number}", f"c{number}", at=world.now))
        await world.send(await world.link(f"o{number}"), {"happy": str(happy), "easy": str(1 + number % 7)})
    csat = await world.score("csat", survey_id="metrics")
    assert (csat["score"], csat["satisfied"], csat["n"]) == (70.0, 7, 10)
    ces = await world.score("ces")
    assert (ces["score"], ces["n"]) == (3.4, 10)
    assert (await world.score("nps"))["n"] == 0


async def test_a11_sent_and_not_answered_lowers_the_rate(world: World) -> None:
    await world.take(*(delivered(f"o{number}", f"c{number}", at=world.now) for number in range(60)))
    for number in range(9):
        await world.send(await world.link(f"o{number}"), {"nps": "9"})
    score = await world.score()
    assert (score["sent"], score["answered"], score["response_rate"]) == (60, 9, 15.0)


async def test_a_period_holds_its_start_and_not_its_end(world: World) -> None:
    start = world.now
    await answer(world, [10], prefix="a")
    world.later(days=1)
    await answer(world, [0], prefix="b")
    day = {"from": instant(start), "to": instant(start + timedelta(days=1))}
    assert (await world.score(**day))["score"] == 100.0
    assert (await world.score(**{"from": instant(start + timedelta(seconds=1))}))["score"] == -100.0
    assert (await world.score())["score"] == 0.0
    compared = await world.score(
        **{
            "from": instant(start + timedelta(days=1)),
            "compare_from": instant(start),
            "compare_to": instant(start + timedelta(days=1)),
        }
    )
    assert compared["change"]["verdict"] == "same"
    assert compared["change"]["difference"] < 0


async def test_the_top_box_of_its_time_stays_with_an_answer(world: World) -> None:
    await world.put_survey({"name": "x", "questions": [{"id": "q", "type": "csat", "text": "?"}]})
    await answer(world, [4], prefix="a", question="q")
    await world.put_survey({"name": "x", "questions": [{"id": "q", "type": "csat", "text": "?", "satisfied_from": 5}]})
    await answer(world, [4], prefix="b", question="q")
    score = await world.score("csat")
    assert (score["score"], score["survey_versions"]) == (50.0, {"nps": [2, 3]})


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"metric": "stars"}, "/query/metric"),
        ({}, "/query/metric"),
        ({"metric": "nps", "from": "yesterday"}, "/query/from"),
        ({"metric": "nps", "from": "2026-03-10T00:00:00"}, "/query/from"),
        ({"metric": "nps", "from": "2026-03-10T00:00:00Z", "to": "2026-03-09T00:00:00Z"}, "/query/to"),
        ({"metric": "nps", "survey_id": "a/b"}, "/query/survey_id"),
    ],
)
async def test_a_wrong_question_is_answered_with_its_place(world: World, params: dict[str, str], pointer: str) -> None:
    problem = await world.get("scores", expect=422, **params)
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


async def test_responses_are_listed_newest_first_page_by_page(world: World) -> None:
    for number in range(5):
        await answer(world, [number], prefix=f"r{number}-")
        world.later(minutes=1)
    seen: list[int] = []
    page = await world.get("responses", limit=2)
    while page["next_cursor"] is not None:
        seen += [one["score"] for one in page["items"]]
        page = await world.get("responses", limit=2, cursor=page["next_cursor"])
    seen += [one["score"] for one in page["items"]]
    assert seen == [4, 3, 2, 1, 0]
    for params, expected in (
        ({"customer_id": "r2-0"}, [2]),
        ({"order_id": "r3-0"}, [3]),
        ({"survey_id": "nps"}, [4, 3, 2, 1, 0]),
        ({"survey_id": "other"}, []),
        ({"finished": "false"}, []),
    ):
        assert [one["score"] for one in await world.responses(**params)] == expected
    for cursor in ("x", "WyJhIiwiYiJd", "WzFd"):
        assert (await world.get("responses", expect=422, cursor=cursor))["code"] == "invalid_request"


async def test_another_shop_sees_none_of_it(world: World) -> None:
    await answer(world, [9])
    async with world.service.client("other") as client:
        assert (await client.get("/v1/feedback/responses")).json()["items"] == []
        score = (await client.get("/v1/feedback/scores", params={"metric": "nps"})).json()
        assert (score["n"], score["sent"]) == (0, 0)
