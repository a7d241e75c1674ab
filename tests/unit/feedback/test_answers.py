"""What counts as an answer, in forms and in JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from feedback.survey import submission
from feedback.survey.answers import BadAnswer, from_form, from_json, from_stored, to_json
from feedback.survey.questions import Question
from tests.unit.feedback.surveys import jump, nps, rule, single, survey, text

_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


def question(**parts: Any) -> Question:
    found: Question = _QUESTION.validate_python({"id": "q", "text": "?", **parts})
    return found


NPS = question(type="nps")
MULTI = question(
    type="multi", choices=[{"id": one, "label": one} for one in ("a", "b", "c")], min_choices=1, max_choices=2
)


@pytest.mark.parametrize("value", ["11", "-1", "7.5", "abc", "１", "0x1", "1e1", "99999", "٣"])
def test_a7_a_form_value_that_is_no_answer_is_refused(value: str) -> None:
    with pytest.raises(BadAnswer):
        from_form(NPS, [value])


@pytest.mark.parametrize("value", [11, -1, 7.5, "abc", "8", True, [8], {"nps": 8}, 8.0, 10**30])
def test_a7_a_json_value_that_is_no_answer_is_refused(value: Any) -> None:
    with pytest.raises(BadAnswer):
        from_json(NPS, value)


@given(st.integers(0, 10))
def test_every_number_of_the_scale_is_taken_from_both(value: int) -> None:
    assert from_form(NPS, [str(value)]) == from_json(NPS, value) == value


@pytest.mark.parametrize("texts", [[], [""], ["  "]])
def test_nothing_is_left_out_not_zero(texts: list[str]) -> None:
    assert from_form(NPS, texts) is None
    assert from_json(NPS, None) is None


def test_two_values_for_one_answer_are_refused() -> None:
    with pytest.raises(BadAnswer):
        from_form(NPS, ["3", "9"])


def test_several_choices_are_kept_in_the_order_of_the_question() -> None:
    assert from_form(MULTI, ["b", "a"]) == from_json(MULTI, ["b", "a", "a"]) == ("a", "b")


@pytest.mark.parametrize("values", [["a", "b", "c"], ["x"], ["a", "x"]])
def test_too_many_and_unknown_choices_are_refused(values: list[str]) -> None:
    with pytest.raises(BadAnswer):
        from_form(MULTI, values)
    with pytest.raises(BadAnswer):
        from_json(MULTI, values)


def test_a_text_is_trimmed_its_line_breaks_counted_once_and_its_length_kept() -> None:
    short = question(type="text", max_length=5)
    assert from_form(short, [" a\r\nb "]) == "a\nb"
    assert from_form(short, ["ab\r\ncd"]) == "ab\ncd"
    with pytest.raises(BadAnswer) as refused:
        from_form(short, ["abcdef"])
    assert refused.value.values == {"most": 5}


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
def test_text_that_no_database_can_hold_is_refused(value: str) -> None:
    with pytest.raises(BadAnswer):
        from_json(question(type="text"), value)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.one_of(st.none(), st.integers(0, 10), st.text(max_size=20), st.lists(st.text(max_size=5)).map(tuple)),
    )
)
def test_stored_answers_come_back_as_they_were(answers: dict[str, Any]) -> None:
    assert from_stored(to_json(answers)) == answers


BRANCHED = survey(
    nps(),
    text("why"),
    text("love", required=False),
    logic=[
        rule("nps", {"question": "nps", "op": "gte", "value": 7}, jump("love")),
        rule("why", None, jump("end")),
    ],
)


def test_a_page_that_is_sent_leads_to_the_next_one() -> None:
    first = submission.of_form(BRANCHED, {}, {}, {"nps": ["3"]}, ["nps"])
    assert not first.errors
    assert not first.finished
    assert first.way.next is not None
    assert first.way.next.id == "why"
    second = submission.of_form(BRANCHED, first.answers, {}, {"why": ["slow"]}, ["why"])
    assert second.finished
    assert second.on_the_way() == {"nps": 3, "why": "slow"}


def test_a_changed_first_page_takes_the_answers_of_the_old_way_along_and_drops_them_at_the_end() -> None:
    again = submission.of_form(BRANCHED, {"nps": 3, "why": "slow"}, {}, {"nps": ["9"]}, ["nps"])
    assert again.way.next is not None
    assert again.way.next.id == "love"
    done = submission.of_form(BRANCHED, again.answers, {}, {"love": ["taste"]}, ["love"])
    assert done.on_the_way() == {"nps": 9, "love": "taste"}


def test_a_bare_form_needs_no_hidden_fields() -> None:
    done = submission.of_form(BRANCHED, {}, {}, {"nps": ["9"], "love": ["all"]}, None)
    assert done.finished


def test_a_required_question_left_out_is_an_error_on_its_page() -> None:
    outcome = submission.of_form(BRANCHED, {"nps": 3}, {}, {"why": [""]}, ["why"])
    assert {name: error.key for name, error in outcome.errors.items()} == {"why": "error.required"}


def test_finishing_with_json_leaves_out_what_is_optional_and_asks_for_what_is_not() -> None:
    assert submission.of_json(BRANCHED, {}, {}, {"nps": 9}, finish=True).finished
    refused = submission.of_json(BRANCHED, {}, {}, {"nps": 2}, finish=True)
    assert refused.errors["why"].key == "error.required"
    partial = submission.of_json(BRANCHED, {}, {}, {"nps": 2}, finish=False)
    assert not partial.errors
    assert not partial.finished


def test_json_with_an_unknown_question_is_refused() -> None:
    assert (
        submission.of_json(BRANCHED, {}, {}, {"nps": 9, "nope": 1}, finish=True).errors["nope"].key == "error.unknown"
    )


def test_a_single_choice_takes_one_of_its_ids() -> None:
    document = survey(single("q1", "a", "b"))
    assert submission.of_json(document, {}, {}, {"q1": "a"}, finish=True).finished
    assert submission.of_json(document, {}, {}, {"q1": "A"}, finish=True).errors
