"""The way of one person through a survey: which questions they get, what they must answer, whether they are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from feedback.survey.document import Survey
from feedback.survey.evaluation import Answers, Facts, calculate, holds
from feedback.survey.logic import END, Rule
from feedback.survey.questions import Question

Attributes: TypeAlias = Mapping[str, int | float | str]
PageOf: TypeAlias = tuple[Question, ...]
"""Questions that are asked together."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way as far as the answers lead. ``next``: the first question not seen yet; None: the end is reached.

    ``missing``: questions on the way that were left out although they are required.
    """

    questions: tuple[Question, ...]
    next: Question | None
    required: frozenset[str]
    missing: tuple[str, ...]

    @property
    def finished(self) -> bool:
        """Whether the end is reached with everything that is required."""
        return self.next is None and not self.missing


@dataclass(slots=True)
class _Walk:
    variables: dict[str, int | float | str]
    attributes: Attributes
    required: set[str] = field(default_factory=set)


def walk(survey: Survey, answers: Answers, attributes: Attributes) -> Way:
    """Follow the survey from its first question by the answers given. Rules only lead forward, so it always ends."""
    state = _Walk(
        dict(survey.variables), attributes, {question.id for question in survey.questions if question.required}
    )
    passed: list[Question] = []
    index: int | None = 0
    following: Question | None = None
    while index is not None and index < len(survey.questions):
        question = survey.questions[index]
        if question.id not in answers:
            following = question
            break
        passed.append(question)
        index = _after(survey, index, answers, state)
    missing = tuple(one.id for one in passed if one.id in state.required and answers[one.id] is None)
    return Way(tuple(passed), following, frozenset(state.required), missing)


def _after(survey: Survey, index: int, answers: Answers, state: _Walk) -> int | None:
    target: str | None = None
    for rule in rules_after(survey, survey.questions[index].id):
        if holds(rule.when, Facts(answers, state.variables, state.attributes)):
            jump = _carry_out(rule, answers, state)
            target = jump if target is None else target
    if target is None:
        return index + 1
    return None if target == END else _index(survey, target)


def _carry_out(rule: Rule, answers: Answers, state: _Walk) -> str | None:
    target: str | None = None
    for action in rule.then:
        if action.calculate is not None:
            result = calculate(action.calculate, Facts(answers, state.variables, state.attributes))
            if result is not None:
                state.variables[action.calculate.variable] = result
        elif action.require is not None:
            state.required.add(action.require)
        elif target is None:
            target = action.jump
    return target


def rules_after(survey: Survey, question_id: str) -> tuple[Rule, ...]:
    """The rules that are looked at after a question, in their order."""
    return tuple(rule for rule in survey.logic if rule.after == question_id)


def page_from(survey: Survey, question: Question) -> PageOf:
    """The questions that can be asked together with this one: up to the next one after which the way may part."""
    parting = {rule.after for rule in survey.logic}
    page: list[Question] = []
    for one in survey.questions[_index(survey, question.id) :]:
        page.append(one)
        if one.id in parting:
            break
    return tuple(page)


def pages_of(survey: Survey, way: Way) -> list[PageOf]:
    """The pages of a way, with the one to be shown next at the end, if there is one."""
    pages: list[PageOf] = []
    covered: set[str] = set()
    for question in (*way.questions, *(() if way.next is None else (way.next,))):
        if question.id not in covered:
            pages.append(page_from(survey, question))
            covered |= {one.id for one in pages[-1]}
    return pages


@lru_cache(maxsize=512)
def _indexes(ids: tuple[str, ...]) -> Mapping[str, int]:
    return {question_id: index for index, question_id in enumerate(ids)}


def _index(survey: Survey, question_id: str) -> int:
    return _indexes(tuple(question.id for question in survey.questions))[question_id]
