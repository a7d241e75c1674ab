"""The survey document: what is accepted, and how exactly a fault is named."""

from typing import Any

import pytest
from pydantic import ValidationError

from feedback.survey.defaults import DEFAULTS
from feedback.survey.document import Survey
from feedback.survey.durations import parse_duration
from feedback.survey.localized import say
from tests.unit.feedback.surveys import jump, nps, rule, single, text


def faults(**document: Any) -> dict[str, str]:
    """JSON pointer → what is wrong."""
    with pytest.raises(ValidationError) as refused:
        Survey.model_validate({"name": "Test", "questions": [nps()], **document})
    return {"/" + "/".join(map(str, one["loc"])): one["msg"] for one in refused.value.errors()}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "red"}, "/colour"),
    "unknown field of a question": ({"questions": [nps(colour="red")]}, "/questions/0/colour"),
    "unknown type": ({"questions": [nps(type="stars")]}, "/questions/0/type"),
    "no type": ({"questions": [{"id": "a", "text": "How?"}]}, "/questions/0/type"),
    "no questions": ({"questions": []}, "/questions"),
    "no text": ({"questions": [{"id": "a", "type": "nps"}]}, "/questions/0/text"),
    "empty text": ({"questions": [nps(text=" ")]}, "/questions/0/text"),
    "no language": ({"questions": [nps(text={})]}, "/questions/0/text"),
    "bad language": ({"questions": [nps(text={"e n": "x"})]}, "/questions/0/text"),
    "empty text of a language": ({"questions": [nps(text={"en": ""})]}, "/questions/0/text/en"),
    "id twice": ({"questions": [nps("a"), nps("a")]}, "/questions/1/id"),
    "reserved id": ({"questions": [nps("end")]}, "/questions/0/id"),
    "id with a space": ({"questions": [nps("a b")]}, "/questions/0/id"),
    "scale": ({"questions": [{**nps("a"), "type": "csat", "scale": 8}]}, "/questions/0/scale"),
    "top box": ({"questions": [{**nps("a"), "type": "csat", "satisfied_from": 6}]}, "/questions/0/satisfied_from"),
    "one choice": ({"questions": [single("a", "x")]}, "/questions/0/choices"),
    "choice twice": ({"questions": [single("a", "x", "y", "x")]}, "/questions/0/choices/2/id"),
    "more than there are": (
        {"questions": [{**single("a", "x", "y"), "type": "multi", "min_choices": 3}]},
        "/questions/0/min_choices",
    ),
    "most below least": (
        {"questions": [{**single("a", "x", "y"), "type": "multi", "min_choices": 2, "max_choices": 1}]},
        "/questions/0/max_choices",
    ),
    "duration": ({"waiting_period": "3 days"}, "/waiting_period"),
    "months have no length": ({"recontact_period": "P3M"}, "/recontact_period"),
    "trigger": ({"trigger": {"on": "sometimes"}}, "/trigger/on"),
    "number as text": ({"max_responses": "5"}, "/max_responses"),
    "country": ({"audience": {"countries": ["Germany"]}}, "/audience/countries/0"),
    "rule after nothing": ({"logic": [rule("x", None, jump("end"))]}, "/logic/0/after"),
    "jump nowhere": ({"logic": [rule("nps", None, jump("x"))]}, "/logic/0/then/0/jump"),
    "jump backward": (
        {"questions": [nps("a"), nps("b")], "logic": [rule("b", None, jump("a"))]},
        "/logic/0/then/0/jump",
    ),
    "jump to itself": ({"logic": [rule("nps", None, jump("nps"))]}, "/logic/0/then/0/jump"),
    "two things in one action": (
        {"logic": [rule("nps", None, {"jump": "end", "require": "nps"})]},
        "/logic/0/then/0",
    ),
    "unknown variable": (
        {"logic": [rule("nps", {"variable": "v", "op": "eq", "value": 1}, jump("end"))]},
        "/logic/0/when/variable",
    ),
    "unknown question deep inside": (
        {
            "logic": [
                rule(
                    "nps",
                    {"any": [{"question": "nps", "op": "answered"}, {"all": [{"question": "x", "op": "skipped"}]}]},
                    jump("end"),
                )
            ]
        },
        "/logic/0/when/any/1/all/0/question",
    ),
    "label instead of id": (
        {
            "questions": [single("a", "x", "y")],
            "logic": [rule("a", {"question": "a", "op": "eq", "value": "X"}, jump("end"))],
        },
        "/logic/0/when/value",
    ),
    "text for a number": (
        {"logic": [rule("nps", {"question": "nps", "op": "lte", "value": "6"}, jump("end"))]},
        "/logic/0/when/value",
    ),
    "order of a text": (
        {
            "questions": [text("t")],
            "logic": [rule("t", {"question": "t", "op": "lt", "value": "b"}, jump("end"))],
        },
        "/logic/0/when/value",
    ),
    "nothing to compare with": (
        {"logic": [rule("nps", {"question": "nps", "op": "eq"}, jump("end"))]},
        "/logic/0/when",
    ),
}


@pytest.mark.parametrize(("document", "pointer"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_at_its_place(document: dict[str, Any], pointer: str) -> None:
    found = faults(**document)
    assert list(found) == [pointer], found
    assert "Value error" not in found[pointer]


def test_several_faults_are_named_at_once() -> None:
    assert set(faults(questions=[nps(text="")], waiting_period="x")) == {"/questions/0/text", "/waiting_period"}


def test_a_document_comes_back_as_it_was() -> None:
    for survey in DEFAULTS.values():
        assert Survey.model_validate(survey.model_dump(mode="json")) == survey
    rules = [rule("a", {"any": [{"question": "a", "op": "lte", "value": 6}]}, jump("end"))]
    branched = Survey.model_validate({"name": "x", "questions": [nps("a"), text("b")], "logic": rules})
    assert Survey.model_validate(branched.model_dump(mode="json")) == branched


def test_every_shop_has_the_nps_survey_of_the_contract() -> None:
    survey = DEFAULTS["nps"]
    assert (survey.trigger.on, survey.waiting_period, survey.recontact_period) == ("delivered", "P0D", "P90D")
    assert [question.type for question in survey.questions] == ["nps", "text"]
    for question in survey.questions:
        assert isinstance(question.text, dict)
        assert {"en", "de", "fr", "es"} <= set(question.text)


@pytest.mark.parametrize(
    ("duration", "hours"), [("P0D", 0), ("P3D", 72), ("PT12H", 12), ("P1W", 168), ("P1DT1H30M", 25.5), ("PT90S", 0.025)]
)
def test_durations(duration: str, hours: float) -> None:
    assert parse_duration(duration).total_seconds() == hours * 3600


@pytest.mark.parametrize("duration", ["", "P", "PT", "P1D ", "p1d", "P1M", "P1Y", "-P1D", "P9999W", "P1.5D", "P١D"])
def test_what_is_no_duration(duration: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(duration)


SAYINGS = [
    (["de-AT"], "hallo", "de"),
    (["pt-BR"], "oi", "pt-BR"),
    (["pt-PT"], "hello", "en"),
    (["PT_br"], "oi", "pt-BR"),
    (["fr", "de"], "hallo", "de"),
    ([], "hello", "en"),
]


@pytest.mark.parametrize(("wanted", "expected", "language"), SAYINGS)
def test_a_text_is_said_in_the_best_language(wanted: list[str], expected: str, language: str) -> None:
    assert say({"en": "hello", "de": "hallo", "pt-BR": "oi"}, wanted, "Shop") == (expected, language)


def test_a_text_names_the_shop() -> None:
    assert say("Do you like {shop}?", [], "Röst {x}").text == "Do you like Röst {x}?"
