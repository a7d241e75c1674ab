"""From what a form or a JSON client sends to the values that are kept. Nothing is coerced: 7.5 is no answer."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from feedback.survey.evaluation import Value
from feedback.survey.questions import MultiQuestion, Question, SingleQuestion, TextQuestion

_WHOLE: Final = re.compile(r"-?\d{1,4}", re.ASCII)


class BadAnswer(ValueError):
    """One answer does not fit its question. ``key`` names the page's own words for it, ``values`` fill them in."""

    def __init__(self, key: str, **values: int) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def from_form(question: Question, texts: Sequence[str]) -> Value | None:
    """The answer of form fields with the question's name; None where it was left out. Raises ``BadAnswer``."""
    given = [text for text in texts if text.strip()]
    if not given:
        return None
    if isinstance(question, MultiQuestion):
        return _several(question, given)
    if len(given) > 1:
        raise BadAnswer("error.one_only")
    if isinstance(question, SingleQuestion):
        return _one(question, given[0])
    if isinstance(question, TextQuestion):
        return _text(question, given[0])
    text = given[0].strip()
    return _number(question.lowest, question.highest, int(text) if _WHOLE.fullmatch(text) else None)


def from_json(question: Question, value: object) -> Value | None:
    """The answer of a JSON value; null is left out. Raises ``BadAnswer``."""
    if value is None:
        return None
    if isinstance(question, MultiQuestion):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise BadAnswer("error.choices")
        return _several(question, value) if value else None
    if isinstance(question, SingleQuestion):
        return _one(question, value)
    if isinstance(question, TextQuestion):
        if not isinstance(value, str):
            raise BadAnswer("error.text")
        return _text(question, value)
    whole = value if isinstance(value, int) and not isinstance(value, bool) else None
    return _number(question.lowest, question.highest, whole)


def _number(lowest: int, highest: int, value: int | None) -> int:
    if value is None or not lowest <= value <= highest:
        raise BadAnswer("error.scale", low=lowest, high=highest)
    return value


def _one(question: SingleQuestion, value: object) -> str:
    if not isinstance(value, str) or value not in question.choice_ids:
        raise BadAnswer("error.choice")
    return value


def _several(question: MultiQuestion, values: Sequence[str]) -> tuple[str, ...]:
    chosen = set(values)
    if chosen - question.choice_ids:
        raise BadAnswer("error.choices")
    most = len(question.choices) if question.max_choices is None else question.max_choices
    if not question.min_choices <= len(chosen) <= most:
        raise BadAnswer("error.count", low=question.min_choices, high=most)
    return tuple(choice.id for choice in question.choices if choice.id in chosen)


def _text(question: TextQuestion, value: str) -> str | None:
    # A browser counts a line break as one character and sends two; NUL and lone surrogates fit no database.
    text = value.replace("\r\n", "\n").strip()
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadAnswer("error.text")
    if len(text) > question.max_length:
        raise BadAnswer("error.too_long", most=question.max_length)
    return text or None


def to_json(answers: Mapping[str, Value | None]) -> dict[str, object]:
    """Answers as they are stored."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in answers.items()}


def from_stored(stored: Mapping[str, object]) -> dict[str, Value | None]:
    """Answers as they were stored."""
    answers: dict[str, Value | None] = {}
    for key, value in stored.items():
        if isinstance(value, list):
            answers[key] = tuple(str(one) for one in value)
        elif value is None or isinstance(value, int | float | str):
            answers[key] = value
    return answers
