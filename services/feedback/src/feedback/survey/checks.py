"""What only shows between the parts of a survey: names that nobody defined, jumps backward, values no answer can have.

Raises ``Misplaced`` with the place, such as ``logic/2/then/0/jump``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from feedback.survey import logic
from feedback.survey.logic import Action, Comparison, Condition, Every, Rule, Some, Source
from feedback.survey.pointers import Misplaced
from feedback.survey.questions import RESERVED, MultiQuestion, Question, SingleQuestion, TextQuestion

_TEXT_OPERATORS: Final = frozenset({"starts_with", "ends_with"})
_MOST_CONDITIONS: Final = 500


def check(questions: Sequence[Question], variables: Mapping[str, object], rules: Sequence[Rule]) -> None:
    """Check the whole. Raises ``Misplaced`` for the first fault."""
    places = _places(questions)
    by_id = {question.id: question for question in questions}
    seen = 0
    for index, rule in enumerate(rules):
        at = f"logic/{index}"
        if rule.after not in places:
            raise Misplaced(f"{at}/after", f"there is no question {rule.after!r}")
        for place, comparison in _comparisons(rule.when, f"{at}/when"):
            seen += 1
            _check_comparison(comparison, place, by_id, variables)
        for number, action in enumerate(rule.then):
            _check_action(action, f"{at}/then/{number}", rule.after, places, variables)
    if seen > _MOST_CONDITIONS:
        raise Misplaced("logic", f"has {seen} comparisons; at most {_MOST_CONDITIONS}")


def _places(questions: Sequence[Question]) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, question in enumerate(questions):
        if question.id in places:
            raise Misplaced(f"questions/{index}/id", f"{question.id!r} is there already")
        if question.id in RESERVED:
            raise Misplaced(f"questions/{index}/id", f"{question.id!r} is a reserved word")
        places[question.id] = index
    return places


def _comparisons(condition: Condition | None, at: str) -> Iterator[tuple[str, Comparison]]:
    if isinstance(condition, Comparison):
        yield at, condition
    elif isinstance(condition, Every | Some):
        name, parts = ("all", condition.all) if isinstance(condition, Every) else ("any", condition.any)
        for index, part in enumerate(parts):
            yield from _comparisons(part, f"{at}/{name}/{index}")


def _check_comparison(
    comparison: Comparison, at: str, questions: Mapping[str, Question], variables: Mapping[str, object]
) -> None:
    _check_source(comparison, at, questions, variables)
    if comparison.other is not None:
        _check_source(comparison.other, f"{at}/other", questions, variables)
    if comparison.question is None or comparison.op in logic.PRESENCE or comparison.value is None:
        return
    question = questions[comparison.question]
    values = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    for value in values:
        _check_value(question, value, comparison.op, f"{at}/value")


def _check_source(source: Source, at: str, questions: Mapping[str, Question], variables: Mapping[str, object]) -> None:
    if source.question is not None and source.question not in questions:
        raise Misplaced(f"{at}/question", f"there is no question {source.question!r}")
    if source.variable is not None and source.variable not in variables:
        raise Misplaced(f"{at}/variable", f"there is no variable {source.variable!r}")


def _check_value(question: Question, value: object, op: str, at: str) -> None:
    if isinstance(question, SingleQuestion | MultiQuestion):
        if op in logic.ORDERING | _TEXT_OPERATORS:
            raise Misplaced(at, f"{op} does not go with the choices of {question.id!r}")
        if value not in question.choice_ids:
            raise Misplaced(at, f"{value!r} is no choice id of {question.id!r}")
    elif isinstance(question, TextQuestion):
        if not isinstance(value, str) or op in logic.ORDERING:
            raise Misplaced(at, f"{question.id!r} is a text; compare it with texts, not by {op} {value!r}")
    elif isinstance(value, str) or op in _TEXT_OPERATORS or "contains" in op:
        raise Misplaced(at, f"{question.id!r} is a number; {op} {value!r} never holds")


def _check_action(
    action: Action, at: str, after: str, places: Mapping[str, int], variables: Mapping[str, object]
) -> None:
    target = action.jump if action.jump is not None else action.require
    what = "jump" if action.jump is not None else "require"
    if target is not None and not (what == "jump" and target == logic.END):
        if target not in places:
            raise Misplaced(f"{at}/{what}", f"there is no question {target!r}")
        if places[target] <= places[after]:
            raise Misplaced(
                f"{at}/{what}", f"{target!r} does not come after {after!r}; only later questions can follow"
            )
    if action.calculate is not None:
        calculation = action.calculate
        if calculation.variable not in variables:
            raise Misplaced(f"{at}/calculate/variable", f"there is no variable {calculation.variable!r}")
        if isinstance(calculation.by, Source):
            _check_source(calculation.by, f"{at}/calculate/by", dict.fromkeys(places), variables)  # type: ignore[arg-type]  # only the keys are read
