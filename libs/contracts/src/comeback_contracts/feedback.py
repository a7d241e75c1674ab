"""What feedback tells: surveys, reviews, tickets."""

from typing import Annotated

from pydantic import Field

from comeback_contracts.attributes import Scalar
from comeback_contracts.ids import Id
from comeback_contracts.instants import Instant
from comeback_contracts.model import Contract
from comeback_contracts.money import Count, Integer
from comeback_contracts.text import LongText, ShortText, Text, Url


class SurveyRequested(Contract):
    """``survey.requested``: somebody is to be asked; ``url`` is the personal page, which works until ``expires_at``."""

    survey_id: Id
    customer_id: Id
    url: Url
    order_id: Id | None = None
    invitation_id: Id | None = None
    question: Text | None = None
    expires_at: Instant | None = None
    at: Instant | None = None


class SurveyAnswered(Contract):
    """``survey.answered``: a finished answer. ``score`` in the terms of ``metric`` (``nps`` 0–10)."""

    response_id: Id
    survey_id: Id
    survey_version: Count | None = None
    customer_id: Id
    order_id: Id | None = None
    metric: ShortText | None = None
    score: Integer | None = None
    answers: dict[ShortText, Scalar | list[Text]] | None = None
    at: Instant | None = None


class ReviewPublished(Contract):
    """``review.published``: a product review that anybody may read; ``rating`` 1 to 5."""

    review_id: Id
    product_id: Id
    customer_id: Id
    order_id: Id | None = None
    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    title: Text | None = None
    body: LongText | None = None
    is_verified: bool = False
    is_incentivized: bool = False
    at: Instant | None = None


class TicketOpened(Contract):
    """``ticket.opened``: somebody in the shop should look after this customer."""

    ticket_id: Id
    customer_id: Id
    order_id: Id | None = None
    response_id: Id | None = None
    priority: ShortText | None = None
    reason: Text | None = None
    at: Instant | None = None
