"""A question as the page shows it: its words in the reader's language, its choices, what was given, what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feedback.page.language import Language
from feedback.survey.answers import BadAnswer
from feedback.survey.evaluation import Value
from feedback.survey.localized import Said, say
from feedback.survey.questions import (
    ChoiceQuestion,
    MultiQuestion,
    Question,
    ScaleQuestion,
    SingleQuestion,
    TextQuestion,
)

_HINT_UP_TO = 500


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody sent or had answered, as texts, and what was wrong with it."""

    texts: Sequence[str] = ()
    seen: bool = False
    error: BadAnswer | None = None


def given_of(value: Value | None, *, seen: bool) -> Given:
    """A kept answer as a form would have sent it."""
    if value is None:
        return Given(seen=seen)
    return Given(value if isinstance(value, tuple) else (str(value),), seen=seen)


def asked_in(question: Question, language: Language, shop: str) -> dict[str, Any]:
    """A question for programs that show it themselves: its texts in the reader's language, what can be answered."""
    asked: dict[str, Any] = {
        "id": question.id,
        "type": question.type,
        "text": say(question.text, language.wanted, shop).text,
        "required": question.required,
    }
    if question.help is not None:
        asked["help"] = say(question.help, language.wanted, shop).text
    if isinstance(question, TextQuestion):
        return asked | {"max_length": question.max_length, "multiline": question.multiline}
    if isinstance(question, SingleQuestion | MultiQuestion):
        choices = [
            {"id": choice.id, "label": say(choice.label, language.wanted, shop).text} for choice in question.choices
        ]
        return asked | {"choices": choices}
    low, high = _ends(question, language, shop)
    labels = {"low": low.text, "high": high.text}
    return asked | {"min": question.lowest, "max": question.highest, "labels": labels}


def words_of(question: Question, given: Given, language: Language, shop: str) -> dict[str, Any]:
    """What the template shows of one question."""
    words: dict[str, Any] = {
        "id": question.id,
        "required": question.required,
        "text": say(question.text, language.wanted, shop),
        "help": None if question.help is None else say(question.help, language.wanted, shop),
        "hint": None,
        "error": None if given.error is None else language.say(given.error.key, **given.error.values),
    }
    if isinstance(question, TextQuestion):
        words |= _text(question, given, language)
    elif isinstance(question, SingleQuestion | MultiQuestion):
        words |= _choice(question, given, language, shop)
    else:
        words |= _scale(question, given, language, shop)
    words["describes"] = _describes(words)
    words["target"] = _target(words)
    return words


def _text(question: TextQuestion, given: Given, language: Language) -> dict[str, Any]:
    short = question.max_length <= _HINT_UP_TO
    return {
        "kind": "text",
        "multiline": question.multiline,
        "most": question.max_length,
        "value": given.texts[0] if given.texts else "",
        "hint": language.say("survey.characters", most=question.max_length) if short else None,
    }


def _choice(question: ChoiceQuestion, given: Given, language: Language, shop: str) -> dict[str, Any]:
    options = [
        {
            "value": choice.id,
            "label": say(choice.label, language.wanted, shop),
            "checked": choice.id in given.texts,
        }
        for choice in question.choices
    ]
    several = isinstance(question, MultiQuestion)
    return {
        "kind": "choice",
        "input": "checkbox" if several else "radio",
        "options": options,
        "none": given.seen and not given.texts,
        "hint": _how_many(question, language) if isinstance(question, MultiQuestion) else None,
    }


def _how_many(question: MultiQuestion, language: Language) -> str:
    most = len(question.choices) if question.max_choices is None else question.max_choices
    if question.min_choices > 1:
        return language.say("survey.choose_between", low=question.min_choices, high=most)
    if most < len(question.choices):
        return language.say("survey.choose_up_to", high=most)
    return language.say("survey.choose_any")


def _scale(question: ScaleQuestion, given: Given, language: Language, shop: str) -> dict[str, Any]:
    low, high = _ends(question, language, shop)
    values = [str(value) for value in range(question.lowest, question.highest + 1)]
    return {
        "kind": "scale",
        "options": [{"value": value, "checked": value in given.texts} for value in values],
        "none": given.seen and not given.texts,
        "low": low,
        "high": high,
        "scale": language.say("survey.scale", low=values[0], low_label=low.text, high=values[-1], high_label=high.text),
    }


def _ends(question: ScaleQuestion, language: Language, shop: str) -> tuple[Said, Said]:
    low, high = (
        Said(language.say(f"{question.type}.{end}"), None) if own is None else say(own, language.wanted, shop)
        for end, own in (("low", question.labels.low), ("high", question.labels.high))
    )
    return low, high


def _describes(words: Mapping[str, Any]) -> list[str]:
    parts = [part for part in ("error", "help", "hint", "scale") if words.get(part)]
    return [f"{words['id']}-{part}" for part in parts]


def _target(words: Mapping[str, Any]) -> str:
    """The field that a link in the error summary leads to."""
    if words["kind"] == "text":
        return f"{words['id']}-text"
    return f"{words['id']}-{words['options'][0]['value']}"
