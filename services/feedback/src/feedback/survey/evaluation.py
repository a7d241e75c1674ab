"""Whether a condition holds, and what a rule changes. Values are answers as ``answers.py`` makes them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from feedback.survey.logic import Calculation, Comparison, Condition, Every, Some, Source

Value: TypeAlias = int | float | str | tuple[str, ...]
Answers: TypeAlias = Mapping[str, Value | None]
"""By question id; None: seen and left out. Absent: not seen."""

_LONGEST: Final = 2000
_LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions look at."""

    answers: Answers
    variables: Mapping[str, int | float | str]
    attributes: Mapping[str, int | float | str]

    def of(self, source: Source) -> Value | None:
        """The value of a source, None where there is none."""
        if source.question is not None:
            return self.answers.get(source.question)
        if source.variable is not None:
            return self.variables.get(source.variable)
        return None if source.attribute is None else self.attributes.get(source.attribute)


def holds(condition: Condition | None, facts: Facts) -> bool:
    """Whether the condition holds; no condition always does."""
    if condition is None:
        return True
    if isinstance(condition, Every):
        return all(holds(part, facts) for part in condition.all)
    if isinstance(condition, Some):
        return any(holds(part, facts) for part in condition.any)
    return _compare(condition, facts)


def _compare(comparison: Comparison, facts: Facts) -> bool:
    left = facts.of(comparison)
    if comparison.op == "answered":
        return left is not None
    if comparison.op == "skipped":
        return left is None
    right = comparison.value if comparison.other is None else facts.of(comparison.other)
    if left is None or right is None:
        return False
    return _OPERATORS[comparison.op](left, right)


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same(left: object, right: object) -> bool:
    if isinstance(left, tuple) or isinstance(right, tuple):
        return set(_many(left)) == set(_many(right))
    return left == right


def _ordered(test: Callable[[float, float], bool]) -> Callable[[object, object], bool]:
    def compare(left: object, right: object) -> bool:
        a, b = _number(left), _number(right)
        return a is not None and b is not None and test(a, b)

    return compare


def _many(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _contains(left: object, right: object) -> bool:
    """A text that holds the other, or a list that holds one of the values, upper and lower case alike."""
    if isinstance(left, tuple):
        return any(value in left for value in _many(right))
    return isinstance(left, str) and any(str(value).casefold() in left.casefold() for value in _many(right))


def _contains_all(left: object, right: object) -> bool:
    return all(_contains(left, value) for value in _many(right))


def _starts(left: object, right: object) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.casefold().startswith(right.casefold())


def _ends(left: object, right: object) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.casefold().endswith(right.casefold())


_OPERATORS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "eq": _same,
    "ne": lambda left, right: not _same(left, right),
    "lt": _ordered(lambda a, b: a < b),
    "lte": _ordered(lambda a, b: a <= b),
    "gt": _ordered(lambda a, b: a > b),
    "gte": _ordered(lambda a, b: a >= b),
    "one_of": lambda left, right: any(value in _many(right) for value in _many(left)),
    "none_of": lambda left, right: not any(value in _many(right) for value in _many(left)),
    "contains": _contains,
    "contains_all": _contains_all,
    "not_contains": lambda left, right: not _contains(left, right),
    "starts_with": _starts,
    "ends_with": _ends,
}


def calculate(calculation: Calculation, facts: Facts) -> int | float | str | None:
    """The variable's new value, or None where the calculation has no result (÷ 0, a text in sums): then it stays."""
    by = facts.of(calculation.by) if isinstance(calculation.by, Source) else calculation.by
    old = facts.variables.get(calculation.variable)
    if by is None or isinstance(by, tuple):
        return None
    if calculation.how == "set":
        return by
    if calculation.how == "append":
        return f"{'' if old is None else old}{by}"[:_LONGEST]
    left, right = _number(old), _number(by)
    return None if left is None or right is None else _arithmetic(calculation.how, left, right)


def _arithmetic(how: str, left: float, right: float) -> int | float | None:
    if how == "divide":
        result = None if right == 0 else left / right
    elif how == "multiply":
        result = left * right
    else:
        result = left + right if how == "add" else left - right
    if result is None or not math.isfinite(result) or abs(result) > _LARGEST:
        return None
    return int(result) if result == int(result) else result
