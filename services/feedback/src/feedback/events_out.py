"""The events that this service publishes on ``comeback.feedback.v1``: ids, numbers, times; never what people wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comeback_contracts import envelope, topics
from comeback_contracts.feedback import SurveyAnswered, SurveyRequested
from comeback_kit import outbox
from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from feedback.invitations import Invitation
from feedback.survey.answers import to_json
from feedback.survey.evaluation import Answers

SOURCE: Final = "comeback/feedback"


@dataclass(frozen=True, slots=True)
class Requested:
    """An invitation that is due now."""

    invitation: Invitation
    url: str
    question: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A response that was finished now. ``answers``: without what people wrote."""

    invitation: Invitation
    response_id: str
    survey_version: int
    metric: str | None
    score: int | None
    answers: Answers
    traceparent: str | None


async def requested(tx: Connection, asked: Sequence[Requested], now: datetime) -> None:
    """Publish ``survey.requested`` for each. An invitation is asked once, so its id makes the event's."""
    events = [
        _event(
            one.invitation,
            "survey.requested",
            SurveyRequested(
                survey_id=one.invitation.survey_id,
                customer_id=one.invitation.customer_id,
                url=one.url,
                order_id=one.invitation.order_id,
                invitation_id=one.invitation.invitation_id,
                question=one.question,
                expires_at=one.invitation.expires_at,
                at=now,
            ),
            now,
            one.traceparent,
        )
        for one in asked
    ]
    await outbox.add(tx, events)


async def answered(tx: Connection, one: Answered, now: datetime) -> None:
    """Publish ``survey.answered``."""
    given: dict[str, Any] = {key: value for key, value in to_json(one.answers).items() if value is not None}
    data = SurveyAnswered(
        response_id=one.response_id,
        survey_id=one.invitation.survey_id,
        survey_version=one.survey_version,
        customer_id=one.invitation.customer_id,
        order_id=one.invitation.order_id,
        metric=one.metric,
        score=one.score,
        answers=given,
        at=now,
    )
    await outbox.add(tx, [_event(one.invitation, "survey.answered", data, now, one.traceparent)])


def _event(
    invitation: Invitation, kind: str, data: SurveyRequested | SurveyAnswered, now: datetime, traceparent: str | None
) -> OutgoingEvent:
    event = envelope.make_event(
        id=f"{invitation.invitation_id}:{kind}",
        source=SOURCE,
        type=kind,
        time=now,
        shop_id=invitation.shop_id,
        subject=invitation.customer_id,
        data=data,
        traceparent=traceparent,
    )
    headers = None if traceparent is None else {"traceparent": traceparent}
    key = f"{invitation.shop_id}:{invitation.customer_id}"
    return OutgoingEvent(topic=topics.FEEDBACK, key=key, value=envelope.encode(event), headers=headers)
