"""The rules of a survey, as data: after a question, where a condition holds, jump, calculate or require.

Conditions compare ids and numbers, never labels, so that they hold in every language. What was not answered satisfies
nothing but ``skipped``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from comeback_kit.bodies import Body
from feedback.survey.questions import ChoiceId, QuestionId

END: Final = "end"

Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Words = Annotated[str, Field(strict=True, max_length=1000)]
Name = Annotated[str, Field(strict=True), StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Operator = Literal[
    "eq",
    "ne",
    "lt",
    "lte",
    "gt",
    "gte",
    "one_of",
    "none_of",
    "contains",
    "contains_all",
    "not_contains",
    "starts_with",
    "ends_with",
    "answered",
    "skipped",
]
Arithmetic = Literal["set", "add", "subtract", "multiply", "divide", "append"]
ORDERING: Final = frozenset({"lt", "lte", "gt", "gte"})
MEMBERSHIP: Final = frozenset({"one_of", "none_of"})
PRESENCE: Final = frozenset({"answered", "skipped"})


class Source(Body):
    """Where a value comes from: exactly one of an answer, a variable, or an attribute of the order."""

    question: QuestionId | None = None
    variable: Name | None = None
    attribute: Name | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(name is not None for name in (self.question, self.variable, self.attribute)) != 1:
            raise ValueError("name exactly one of question, variable, attribute")
        return self


class Comparison(Source):
    """One comparison: ``{"question": "nps", "op": "lte", "value": 6}``; ``other`` compares with another source."""

    op: Operator
    value: Number | Words | Annotated[tuple[Number | ChoiceId | Words, ...], Field(max_length=50)] | None = None
    other: Source | None = None

    @model_validator(mode="after")
    def _check_right(self) -> Self:
        given = (self.value is not None) + (self.other is not None)
        if self.op in PRESENCE:
            if given:
                raise ValueError(f"{self.op} compares with nothing: leave value and other out")
        elif given != 1:
            raise ValueError(f"{self.op} needs value or other")
        if self.op in MEMBERSHIP and not isinstance(self.value, tuple):
            raise ValueError(f"{self.op} needs a list as value")
        return self


class Every(Body):
    """Holds where all of its conditions hold."""

    all: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=50)]


class Some(Body):
    """Holds where one of its conditions holds."""

    any: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=50)]


def _kind(value: object) -> str:
    for name in ("all", "any"):
        if name in value if isinstance(value, Mapping) else hasattr(value, name):
            return name
    return "comparison"


Condition: TypeAlias = Annotated[
    Annotated[Every, Tag("all")] | Annotated[Some, Tag("any")] | Annotated[Comparison, Tag("comparison")],
    Discriminator(_kind),
]


class Calculation(Body):
    """Changes a variable: ``{"variable": "points", "how": "add", "by": 1}``. What has no result changes nothing."""

    variable: Name
    how: Arithmetic
    by: Annotated[
        Annotated[Source, Tag("source")] | Annotated[Number | Words, Tag("value")],
        Discriminator(lambda value: "source" if isinstance(value, Mapping | Source) else "value"),
    ]


class Action(Body):
    """One thing that a rule does: one of ``jump`` (to a later question, or ``end``), ``calculate``, ``require``."""

    jump: QuestionId | None = None
    calculate: Calculation | None = None
    require: QuestionId | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(part is not None for part in (self.jump, self.calculate, self.require)) != 1:
            raise ValueError("an action is exactly one of jump, calculate, require")
        return self


class Rule(Body):
    """After a question, where ``when`` holds (left out: always), do ``then``.

    All rules of a question that hold are carried out in their order; of several jumps the first counts. Without a jump
    the next question follows.
    """

    after: QuestionId
    when: Condition | None = None
    then: Annotated[tuple[Action, ...], Field(min_length=1, max_length=20)]


Every.model_rebuild()
Some.model_rebuild()
