"""A survey as one document: what is asked, of whom, when, and how often. Every PUT of it makes a new version."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, StringConstraints, ValidationError, model_validator

from comeback_kit.bodies import Body
from feedback.survey import checks
from feedback.survey.durations import Duration
from feedback.survey.localized import Label
from feedback.survey.logic import Name, Number, Rule, Words
from feedback.survey.pointers import in_the_document
from feedback.survey.questions import Question

Moment = Literal["placed", "paid", "fulfilled", "delivered", "never"]
Channel = Annotated[str, Field(strict=True), StringConstraints(min_length=1, max_length=128)]
Country = Annotated[str, Field(strict=True), StringConstraints(pattern=r"^[A-Z]{2}$")]


class Trigger(Body):
    """The moment of an order that the survey follows.

    ``never``: nobody is invited; the survey is offered on the thank-you page (post-purchase call) only.
    """

    on: Moment = "delivered"


class Audience(Body):
    """Who is asked. ``new``: at their first order; ``returning``: at any later one. Empty lists mean all."""

    customers: Literal["all", "new", "returning"] = "all"
    channels: Annotated[tuple[Channel, ...], Field(max_length=50)] = ()
    countries: Annotated[tuple[Country, ...], Field(max_length=250)] = ()


class Repeat(Body):
    """How often one customer is asked this survey.

    ``always``: each time the recontact period allows; ``once``; ``until_answered``; ``times``: until answered, at most
    ``times`` times.
    """

    kind: Literal["always", "once", "until_answered", "times"] = "always"
    times: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1


class Survey(Body):
    """A survey. A field left out has its default, the one shown by the GET of a new shop's ``nps``.

    ``waiting_period``: how long after the trigger the customer is asked. ``recontact_period``: nobody who was asked any
    survey less than that ago is asked this one; such an invitation is dropped, not postponed. ``link_lifetime``: how
    long the link can be answered, through the last UTC day. ``max_responses``: the survey closes at so many finished
    ones. ``partials_count``: whether the answers of somebody who did not finish count in scores.
    """

    name: Label
    enabled: Annotated[bool, Field(strict=True)] = True
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=50)]
    variables: Annotated[dict[Name, Number | Words], Field(max_length=50)] = Field(default_factory=dict)
    logic: Annotated[tuple[Rule, ...], Field(max_length=200)] = ()
    trigger: Trigger = Trigger()
    audience: Audience = Audience()
    waiting_period: Duration = "P0D"
    recontact_period: Duration = "P90D"
    repeat: Repeat = Repeat()
    link_lifetime: Duration = "P60D"
    max_responses: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)] | None = None
    partials_count: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        checks.check(self.questions, self.variables, self.logic)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _place_errors(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise in_the_document(error, value) from None

    def question(self, question_id: str) -> Question:
        """The question with this id. Raises ``KeyError``."""
        for question in self.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)
