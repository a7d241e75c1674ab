"""Taking an answer: one per invitation, whatever is sent how often at the same time."""

from dataclasses import dataclass, replace
from datetime import datetime

from comeback_kit.db import Connection
from feedback import events_out, ids, invitations, people, responses
from feedback.errors import SurveyClosed
from feedback.events_out import Answered
from feedback.responses import Response
from feedback.survey.evaluation import Answers
from feedback.survey.submission import Outcome
from feedback.visits import Visit


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, in which language and under which trace something was sent."""

    now: datetime
    language: str | None
    traceparent: str | None


async def keep(tx: Connection, visit: Visit, outcome: Outcome, occasion: Occasion) -> Response:
    """Keep what was sent without errors: a finished answer, or what there is of one so far.

    ``visit`` was made with the lock and is not answered. Raises ``SurveyClosed`` when there is no room for one more.
    """
    survey, invitation = visit.version.survey, visit.invitation
    most = survey.max_responses
    if outcome.finished and most is not None:
        free = await responses.take_a_slot(tx, invitation.shop_id, invitation.survey_id, most)
        if not free:
            raise SurveyClosed
    response = _response(visit, outcome, occasion.now)
    main = await responses.save(tx, invitation, survey, response, occasion.language)
    await _remember_contact(tx, visit, occasion.now)
    if outcome.finished:
        await invitations.update(tx, [replace(invitation, state="answered", reason=None)])
        said = Answered(
            invitation,
            response_id=response.response_id,
            survey_version=response.survey_version,
            metric=None if main is None else main.metric,
            score=None if main is None else main.value,
            answers=_numbers(visit, response.answers),
            traceparent=occasion.traceparent,
        )
        await events_out.answered(tx, said, occasion.now)
    return response


def _response(visit: Visit, outcome: Outcome, now: datetime) -> Response:
    before = visit.response
    return Response(
        response_id=ids.new_id("rsp", now) if before is None else before.response_id,
        survey_version=visit.version.version,
        finished=outcome.finished,
        answers=outcome.on_the_way() if outcome.finished else outcome.answers,
        started_at=now if before is None else before.started_at,
        answered_at=now,
    )


def _numbers(visit: Visit, answers: Answers) -> Answers:
    return responses.split(visit.version.survey, answers)[0]


async def _remember_contact(tx: Connection, visit: Visit, now: datetime) -> None:
    """Who answers before being asked has been heard: no invitation follows for as long as after one."""
    if visit.invitation.asked_at is not None:
        return
    known = await people.lock(tx, [visit.invitation.person])
    account = people.root(known, visit.invitation.person)
    person = known[account]
    if person.contacted_at is None or person.contacted_at < now:
        person.contacted_at = now
        await people.write(tx, {account: person})
