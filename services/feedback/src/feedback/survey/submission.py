"""What somebody sends, together with what they had answered before: what is kept, what is wrong, what comes next."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feedback.survey.answers import BadAnswer, from_form, from_json
from feedback.survey.document import Survey
from feedback.survey.evaluation import Answers, Value
from feedback.survey.questions import Question
from feedback.survey.walk import Attributes, Way, page_from, walk

Errors = dict[str, BadAnswer]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``answers``: old and new together, those with errors left out. Nothing is kept while there are ``errors``."""

    answers: dict[str, Value | None]
    errors: Errors
    way: Way

    @property
    def finished(self) -> bool:
        """Whether the way's end is reached with everything that is required."""
        return not self.errors and self.way.finished

    def on_the_way(self) -> dict[str, Value | None]:
        """The answers without those of questions that the way does not lead to (any more)."""
        return {question.id: self.answers[question.id] for question in self.way.questions}


def of_form(
    survey: Survey,
    stored: Answers,
    attributes: Attributes,
    fields: Mapping[str, Sequence[str]],
    shown: Collection[str] | None,
) -> Outcome:
    """A page that was sent. ``shown``: the questions that stood on it; None: those that come next, and those named."""
    on_page = _named(survey, stored, attributes, fields) if shown is None else shown
    questions = [question for question in survey.questions if question.id in on_page]
    return _take(
        survey, stored, attributes, questions, lambda question: from_form(question, fields.get(question.id, ()))
    )


def of_json(
    survey: Survey, stored: Answers, attributes: Attributes, given: Mapping[str, Any], *, finish: bool
) -> Outcome:
    """Answers as a JSON object. ``finish``: questions on the way that are not in it are left out by will."""
    questions = [question for question in survey.questions if question.id in given]
    known = {question.id for question in survey.questions}
    outcome = _take(survey, stored, attributes, questions, lambda question: from_json(question, given[question.id]))
    errors = outcome.errors | {name: BadAnswer("error.unknown") for name in given if name not in known}
    answers, way = outcome.answers, outcome.way
    while finish and way.next is not None and way.next.id not in errors:
        answers = {**answers, way.next.id: None}
        way = walk(survey, answers, attributes)
    missing = {name: BadAnswer("error.required") for name in way.missing} if finish else {}
    return Outcome(answers, missing | errors, way)


def _named(
    survey: Survey, stored: Answers, attributes: Attributes, fields: Mapping[str, Sequence[str]]
) -> Collection[str]:
    coming = walk(survey, stored, attributes).next
    page = () if coming is None else page_from(survey, coming)
    return {question.id for question in page} | fields.keys()


def _take(
    survey: Survey,
    stored: Answers,
    attributes: Attributes,
    questions: Sequence[Question],
    read: Callable[[Question], Value | None],
) -> Outcome:
    answers: dict[str, Value | None] = dict(stored)
    errors: Errors = {}
    for question in questions:
        answers.pop(question.id, None)
        try:
            answers[question.id] = read(question)
        except BadAnswer as error:
            errors[question.id] = error
    way = walk(survey, answers, attributes)
    missing = {name: BadAnswer("error.required") for name in way.missing}
    return Outcome(answers, missing | errors, way)
