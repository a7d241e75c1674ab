"""The questions of a survey, by type. What only shows between fields is checked here too, with the field's pointer."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from comeback_kit.bodies import Body
from feedback.scores import CES_SCALE, TOP_BOX
from feedback.survey.localized import Localized
from feedback.survey.pointers import Misplaced

RESERVED: Final = frozenset({"end", "answers", "finished", "lang"})

QuestionId = Annotated[str, Field(strict=True), StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
"""An id that stays when texts change: rules, answers and links name it. Letters, digits, ``_``, ``-``."""

ChoiceId = Annotated[str, Field(strict=True), StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=50)]


class Ends(Body):
    """What stands at the two ends of a scale; left out, the page says it in its own words."""

    low: Localized | None = None
    high: Localized | None = None


class Choice(Body):
    """One answer to choose. Rules and reports use ``id``; ``label`` is what is read, in each language."""

    id: ChoiceId
    label: Localized


class _Question(Body):
    id: QuestionId
    text: Localized
    help: Localized | None = None
    required: Annotated[bool, Field(strict=True)] = True


class NpsQuestion(_Question):
    """How likely somebody is to recommend the shop, 0 to 10."""

    type: Literal["nps"]
    labels: Ends = Ends()

    @property
    def lowest(self) -> int:
        return 0

    @property
    def highest(self) -> int:
        return 10


class CsatQuestion(_Question):
    """How satisfied somebody is, 1 to ``scale``; from ``satisfied_from`` on they count as satisfied.

    Left out, that is the top 1 of a scale of 3, the top 2 of 4 to 7, the top 3 of 10.
    """

    type: Literal["csat"]
    scale: Literal[3, 4, 5, 6, 7, 10] = 5
    satisfied_from: Annotated[int, Field(strict=True, ge=1, le=10)] | None = None
    labels: Ends = Ends()

    @property
    def lowest(self) -> int:
        return 1

    @property
    def highest(self) -> int:
        return self.scale

    @property
    def top_box(self) -> int:
        """The lowest answer that counts as satisfied."""
        return TOP_BOX[self.scale] if self.satisfied_from is None else self.satisfied_from

    @model_validator(mode="after")
    def _check_top_box(self) -> Self:
        if self.satisfied_from is not None and not 2 <= self.satisfied_from <= self.scale:
            raise Misplaced("satisfied_from", f"must be 2 to {self.scale}, the scale's top")
        return self


class CesQuestion(_Question):
    """How easy it was, 1 (strongly disagree) to 7 (strongly agree)."""

    type: Literal["ces"]
    labels: Ends = Ends()

    @property
    def lowest(self) -> int:
        return 1

    @property
    def highest(self) -> int:
        return CES_SCALE


class RatingQuestion(_Question):
    """A rating from 1 to ``scale``."""

    type: Literal["rating"]
    scale: Annotated[int, Field(strict=True, ge=3, le=10)] = 5
    labels: Ends = Ends()

    @property
    def lowest(self) -> int:
        return 1

    @property
    def highest(self) -> int:
        return self.scale


class _Choosing(_Question):
    choices: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=50)]

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        seen: set[str] = set()
        for index, choice in enumerate(self.choices):
            if choice.id in seen:
                raise Misplaced(f"choices/{index}/id", f"{choice.id!r} is there already")
            seen.add(choice.id)
        return self

    @property
    def choice_ids(self) -> frozenset[str]:
        return frozenset(choice.id for choice in self.choices)


class SingleQuestion(_Choosing):
    """One of several choices."""

    type: Literal["single"]


class MultiQuestion(_Choosing):
    """Any of several choices, at least ``min_choices`` where it is answered."""

    type: Literal["multi"]
    min_choices: Count = 1
    max_choices: Count | None = None

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        most = len(self.choices) if self.max_choices is None else self.max_choices
        if not self.min_choices <= most <= len(self.choices) or most < 1:
            wrong = "min_choices" if self.max_choices is None else "max_choices"
            raise Misplaced(wrong, f"0 ≤ min_choices ≤ max_choices ≤ {len(self.choices)} (the choices) must hold")
        return self


class TextQuestion(_Question):
    """What somebody writes, at most ``max_length`` characters."""

    type: Literal["text"]
    max_length: Annotated[int, Field(strict=True, ge=1, le=5000)] = 2000
    multiline: Annotated[bool, Field(strict=True)] = True


ScaleQuestion: TypeAlias = NpsQuestion | CsatQuestion | CesQuestion | RatingQuestion
ChoiceQuestion: TypeAlias = SingleQuestion | MultiQuestion
Question: TypeAlias = Annotated[
    NpsQuestion | CsatQuestion | CesQuestion | RatingQuestion | SingleQuestion | MultiQuestion | TextQuestion,
    Field(discriminator="type"),
]
METRICS: Final = ("nps", "csat", "ces")
"""The question types that there are scores of."""
