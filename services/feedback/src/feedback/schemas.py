"""Request and response bodies."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from comeback_kit.bodies import Answer, IdText
from feedback.survey.document import Survey

Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class SurveyChange(Survey):
    """A survey as it is to be. What the GET adds may stay in: ``version`` then guards against overwriting a change that
    was made in between (409); ``survey_id`` must be that of the path; ``updated_at`` is ignored.
    """

    survey_id: IdText | None = None
    version: Version | None = None
    updated_at: Any = None

    def survey(self) -> Survey:
        """The document alone."""
        own = {name: getattr(self, name) for name in Survey.model_fields}
        return Survey.model_construct(_fields_set=self.model_fields_set & set(own), **own)


class SurveyAnswer(Survey):
    """A survey with its id and version. ``updated_at`` null: as every shop has it from the start."""

    survey_id: str
    version: int
    updated_at: datetime | None


class SurveyItem(Answer):
    """A survey in the list."""

    survey_id: str
    name: str
    version: int
    enabled: bool
    updated_at: datetime | None


class ResponseItem(Answer):
    """One response. ``answers`` by question id, null where it was seen and left out.

    ``metric`` and ``score``: of its first scored question. Of an erased customer the numbers stay, without person,
    order and texts.
    """

    response_id: str
    survey_id: str
    survey_version: int
    customer_id: str | None
    order_id: str | None
    finished: bool
    metric: str | None
    score: int | None
    answers: dict[str, Any]
    language: str | None
    started_at: datetime
    answered_at: datetime


class Interval(Answer):
    """Where the score of everybody lies with the probability ``level``."""

    low: float
    high: float
    level: float


class Change(Answer):
    """How an NPS moved against the earlier period, and whether chance explains it (``same``)."""

    difference: float
    margin: float
    verdict: Literal["up", "down", "same"]


class ScoreAnswer(Answer):
    """A score with what is needed to judge it.

    ``n`` people answered, ``skipped`` saw the question and left it out (never in n). ``score`` and ``interval`` are
    null without an answer. ``rounded``: the NPS as a whole number, from the exact value. ``sent``, ``answered`` and
    ``response_rate`` (percent) count invitations of the period. ``definition_version``: of the formula;
    ``survey_versions``: of the questions behind the number.
    """

    metric: Literal["nps", "csat", "ces"]
    survey_id: str | None
    from_: datetime | None = Field(serialization_alias="from")
    to: datetime | None
    score: float | None
    rounded: int | None = None
    n: int
    interval: Interval | None
    promoters: int | None = None
    passives: int | None = None
    detractors: int | None = None
    satisfied: int | None = None
    distribution: dict[str, int]
    skipped: int
    started: int
    completed: int
    sent: int
    answered: int
    response_rate: float | None
    definition_version: int
    survey_versions: dict[str, list[int]]
    change: Change | None = None


class AskedSurvey(Answer):
    """A survey that somebody can answer now, and its first question in their language."""

    survey_id: str
    url: str
    question: dict[str, Any]
    state: Literal["planned", "waiting", "asked"]
    expires_at: datetime


class PostPurchase(Answer):
    """What feedback has for a thank-you page; null: nothing is asked about this order."""

    survey: AskedSurvey | None
