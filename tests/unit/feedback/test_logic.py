"""Branching: the worked examples of cases/feedback.md section B that need no database."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.survey.document import Survey
from feedback.survey.evaluation import Facts, Value, holds
from feedback.survey.logic import Comparison
from feedback.survey.walk import page_from, pages_of, walk
from tests.unit.feedback.surveys import jump, nps, rule, single, survey, text


def way(document: Survey, answers: dict[str, Value | None], **attributes: float | str) -> list[str]:
    """The ids of the questions on the way, the next one included; ``end`` when the end is reached."""
    found = walk(document, answers, attributes)
    return [question.id for question in found.questions] + ["end" if found.next is None else found.next.id]


def lte(question: str, value: int) -> dict[str, Any]:
    return {"question": question, "op": "lte", "value": value}


NPS_BRANCHES = survey(
    nps(),
    text("why", required=False),
    text("love", required=False),
    logic=[
        rule("nps", lte("nps", 6), jump("why")),
        rule("nps", {"all": [{"question": "nps", "op": "gte", "value": 7}, lte("nps", 8)]}, jump("end")),
        rule("nps", {"question": "nps", "op": "gte", "value": 9}, jump("love")),
        rule("why", None, jump("end")),
    ],
)


@pytest.mark.parametrize(("answer", "following"), [(6, "why"), (7, "end"), (8, "end"), (9, "love")])
def test_b1_each_nps_band_has_its_own_way(answer: int, following: str) -> None:
    assert way(NPS_BRANCHES, {"nps": answer})[-1] == following


CHOICES = survey(
    single("q1", "a", "b", "c", "d"),
    text("q2"),
    text("q3"),
    logic=[
        rule("q1", {"question": "q1", "op": "eq", "value": "a"}, jump("q3")),
        rule("q1", {"question": "q1", "op": "eq", "value": "b"}, jump("end")),
        rule("q1", {"question": "q1", "op": "eq", "value": "c"}, jump("q2")),
    ],
)


@pytest.mark.parametrize(
    ("choice", "following"), [("a", "q3"), ("b", "end"), ("c", "q2"), ("d", "q2")], ids=["B2 a", "B2 b", "B2 c", "B4"]
)
def test_a_choice_leads_where_it_is_mapped_else_to_the_next_question(choice: str, following: str) -> None:
    assert way(CHOICES, {"q1": choice})[-1] == following


NESTED = {
    "all": [
        {"question": "q1", "op": "eq", "value": "test answer"},
        {
            "any": [
                {"question": "q2", "op": "eq", "value": "wrong"},
                {"variable": "var1", "op": "eq", "value": "string value"},
            ]
        },
    ]
}


@pytest.mark.parametrize(
    ("q1", "var1", "expected"),
    [("test answer", "string value", "end"), ("test answer", "other", "q3"), ("no", "string value", "q3")],
)
def test_b5_groups_nest(q1: str, var1: str, expected: str) -> None:
    document = survey(
        text("q1"),
        text("q2"),
        text("q3"),
        variables={"var1": var1},
        logic=[rule("q2", NESTED, jump("end"))],
    )
    assert way(document, {"q1": q1, "q2": "right"})[-1] == expected


def test_b6_of_two_jumps_the_first_counts() -> None:
    questions = [text(f"q{number}") for number in range(1, 8)]
    in_one_rule = survey(*questions, logic=[rule("q1", None, jump("q5"), jump("q7"))])
    in_two_rules = survey(*questions, logic=[rule("q1", None, jump("q5")), rule("q1", None, jump("q7"))])
    assert way(in_one_rule, {"q1": "x"}) == way(in_two_rules, {"q1": "x"}) == ["q1", "q5"]


def calculated(how: str, by: Any, start: Any = 50) -> Any:
    """What a variable is after one calculation, read through the equality that a rule sees."""
    document = survey(
        text("q1"),
        text("q2"),
        variables={"var": start},
        logic=[
            rule("q1", None, {"calculate": {"variable": "var", "how": how, "by": by}}),
            *(
                rule("q1", {"variable": "var", "op": "eq", "value": expected}, jump("end"))
                for expected in ([start] if by == 0 else [])
            ),
        ],
    )
    return way(document, {"q1": "x"})[-1]


def test_b7_dividing_by_zero_keeps_the_variable() -> None:
    assert calculated("divide", 0) == "end"


@pytest.mark.parametrize(
    ("how", "by", "result"),
    [("add", 5, 55), ("subtract", 60, -10), ("multiply", 2, 100), ("divide", 4, 12.5), ("set", 7, 7), ("add", "x", 50)],
)
def test_calculations_reach_the_rules_that_follow(how: str, by: Any, result: float) -> None:
    document = survey(
        text("q1"),
        text("q2"),
        variables={"var": 50},
        logic=[
            rule("q1", None, {"calculate": {"variable": "var", "how": how, "by": by}}),
            rule("q1", {"variable": "var", "op": "eq", "value": result}, jump("end")),
        ],
    )
    assert way(document, {"q1": "x"})[-1] == "end"


def test_b9_rules_compare_ids_whatever_the_language_of_the_label() -> None:
    question = single("q1", "opt1", "opt2")
    question["choices"][0]["label"] = {"es": "Opción 1", "en": "Option 1"}
    document = survey(
        question, text("q2"), logic=[rule("q1", {"question": "q1", "op": "eq", "value": "opt1"}, jump("end"))]
    )
    assert way(document, {"q1": "opt1"})[-1] == "end"


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "lte", "gt", "gte"])
def test_what_was_left_out_satisfies_no_comparison(op: str) -> None:
    comparison = Comparison.model_validate({"question": "nps", "op": op, "value": 6})
    assert not holds(comparison, Facts({"nps": None}, {}, {}))
    assert not holds(comparison, Facts({}, {}, {}))


def test_what_was_left_out_is_skipped_and_not_answered() -> None:
    for op, expected in (("skipped", True), ("answered", False)):
        assert holds(Comparison.model_validate({"question": "nps", "op": op}), Facts({"nps": None}, {}, {})) is expected


COMPARISONS = [
    ({"question": "m", "op": "contains", "value": "a"}, True),
    ({"question": "m", "op": "contains_all", "value": ["a", "b"]}, True),
    ({"question": "m", "op": "contains_all", "value": ["a", "c"]}, False),
    ({"question": "m", "op": "not_contains", "value": "c"}, True),
    ({"question": "m", "op": "one_of", "value": ["c", "b"]}, True),
    ({"question": "m", "op": "none_of", "value": ["c"]}, True),
    ({"question": "t", "op": "contains", "value": "WORLD"}, True),
    ({"question": "t", "op": "starts_with", "value": "hello"}, True),
    ({"question": "t", "op": "ends_with", "value": "hello"}, False),
    ({"attribute": "channel", "op": "eq", "value": "web"}, True),
    ({"attribute": "total", "op": "gt", "value": 1000}, True),
    ({"attribute": "absent", "op": "ne", "value": "x"}, False),
    ({"question": "n", "op": "gt", "other": {"variable": "v"}}, True),
]


@pytest.mark.parametrize(("comparison", "expected"), COMPARISONS, ids=[str(one) for one, _ in COMPARISONS])
def test_operators(comparison: dict[str, Any], expected: bool) -> None:
    facts = Facts({"m": ("a", "b"), "t": "Hello world", "n": 8}, {"v": 7}, {"channel": "web", "total": 2000})
    assert holds(Comparison.model_validate(comparison), facts) is expected


def test_a_rule_can_make_a_question_required() -> None:
    document = survey(nps(), text("why", required=False), logic=[rule("nps", lte("nps", 6), {"require": "why"})])
    assert walk(document, {"nps": 3, "why": None}, {}).missing == ("why",)
    assert walk(document, {"nps": 9, "why": None}, {}).finished


def test_questions_stand_together_until_the_way_may_part() -> None:
    document = survey(text("a"), text("b"), text("c"), text("d"), logic=[rule("b", None, jump("d"))])
    assert [question.id for question in page_from(document, document.questions[0])] == ["a", "b"]
    assert [question.id for question in page_from(document, document.question("d"))] == ["d"]
    found = walk(document, {"a": "x", "b": "y"}, {})
    assert [[question.id for question in page] for page in pages_of(document, found)] == [["a", "b"], ["d"]]


@st.composite
def documents(draw: st.DrawFn) -> Survey:
    """Surveys with any forward jumps."""
    count = draw(st.integers(2, 8))
    rules = []
    for index in range(count - 1):
        for _ in range(draw(st.integers(0, 2))):
            target = draw(st.sampled_from(["end", *(f"q{later}" for later in range(index + 1, count))]))
            rules.append(rule(f"q{index}", lte(f"q{index}", draw(st.integers(0, 10))), jump(target)))
    required = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return survey(*(nps(f"q{index}", required=required[index]) for index in range(count)), logic=rules)


@given(documents(), st.lists(st.one_of(st.none(), st.integers(0, 10)), min_size=8, max_size=8))
def test_every_walk_ends_forward_and_asks_each_question_once(document: Survey, values: list[int | None]) -> None:
    answers: dict[str, Value | None] = {}
    for _ in range(len(document.questions) + 1):
        found = walk(document, answers, {})
        if found.next is None:
            break
        answers[found.next.id] = values[int(found.next.id[1:])]
    found = walk(document, answers, {})
    places = [int(question.id[1:]) for question in found.questions]
    assert found.next is None
    assert places == sorted(set(places))
    assert set(found.missing) == {
        question.id for question in found.questions if question.required and answers[question.id] is None
    }
