"""Responses in the database: what was answered, the numbers apart from what people wrote."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from comeback_kit.db import Connection
from feedback.invitations import Invitation
from feedback.survey.answers import from_stored, to_json
from feedback.survey.document import Survey
from feedback.survey.evaluation import Answers, Value
from feedback.survey.questions import METRICS, CsatQuestion, Question, TextQuestion

SurveyRef: TypeAlias = tuple[str, str]  # shop, survey


@dataclass(frozen=True, slots=True)
class Response:
    """One response, finished or not. ``answers`` by question id; None: seen and left out."""

    response_id: str
    survey_version: int
    finished: bool
    answers: dict[str, Value | None]
    started_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Rating:
    """One number that scores are made of. ``value`` None: seen and left out."""

    question_id: str
    metric: str
    value: int | None
    satisfied: bool | None


def ratings_of(questions: Sequence[Question], answers: Answers) -> list[Rating]:
    """The numbers in these answers that there are scores of, in the order of the questions."""
    found = []
    for question in questions:
        if question.type not in METRICS or question.id not in answers:
            continue
        value = answers[question.id]
        number = value if isinstance(value, int) else None
        satisfied = None
        if isinstance(question, CsatQuestion) and number is not None:
            satisfied = number >= question.top_box
        found.append(Rating(question.id, question.type, number, satisfied))
    return found


def split(survey: Survey, answers: Answers) -> tuple[dict[str, Value | None], dict[str, Value | None]]:
    """Answers without what people wrote, and what they wrote."""
    written = {question.id for question in survey.questions if isinstance(question, TextQuestion)}
    return (
        {key: value for key, value in answers.items() if key not in written},
        {key: value for key, value in answers.items() if key in written},
    )


async def of_invitation(tx: Connection, shop_id: str, invitation_id: str) -> Response | None:
    """The response to an invitation, if there is one."""
    row = await tx.fetchrow(
        """select response_id, survey_version, finished, answers, texts, started_at, answered_at
           from responses where shop_id = $1 and invitation_id = $2""",
        shop_id,
        invitation_id,
    )
    return None if row is None else _response(row)


def _response(row: asyncpg.Record) -> Response:
    answers = from_stored({**row["answers"], **row["texts"]})
    return Response(
        row["response_id"], row["survey_version"], row["finished"], answers, row["started_at"], row["answered_at"]
    )


async def save(
    tx: Connection, invitation: Invitation, survey: Survey, response: Response, language: str | None
) -> Rating | None:
    """Write a response and its numbers; answer the first of them, which stands for the response.

    The invitation's lock makes sure that nobody else writes it.
    """
    numbers, texts = split(survey, response.answers)
    ratings = ratings_of(survey.questions, response.answers)
    main = next((one for one in ratings if one.value is not None), None)
    await tx.execute(
        """insert into responses (shop_id, response_id, survey_id, survey_version, invitation_id, customer_id, order_id,
             finished, answers, texts, metric, score, language, started_at, answered_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           on conflict (shop_id, response_id) do update
             set survey_version = excluded.survey_version, finished = excluded.finished, answers = excluded.answers,
                 texts = excluded.texts, metric = excluded.metric, score = excluded.score,
                 language = excluded.language, answered_at = excluded.answered_at""",
        invitation.shop_id,
        response.response_id,
        invitation.survey_id,
        response.survey_version,
        invitation.invitation_id,
        invitation.customer_id,
        invitation.order_id,
        response.finished,
        to_json(numbers),
        to_json(texts),
        None if main is None else main.metric,
        None if main is None else main.value,
        language,
        response.started_at,
        response.answered_at,
    )
    await _save_ratings(tx, invitation, response, ratings, counts=response.finished or survey.partials_count)
    return main


async def _save_ratings(
    tx: Connection, invitation: Invitation, response: Response, ratings: Sequence[Rating], *, counts: bool
) -> None:
    await tx.execute(
        "delete from ratings where shop_id = $1 and response_id = $2", invitation.shop_id, response.response_id
    )
    if not ratings:
        return
    await tx.execute(
        """insert into ratings
             (shop_id, response_id, survey_id, counts, at, question_id, metric, value, satisfied)
           select $1, $2, $3, $4, $5, * from unnest($6::text[], $7::text[], $8::smallint[], $9::bool[])""",
        invitation.shop_id,
        response.response_id,
        invitation.survey_id,
        counts,
        response.answered_at,
        [one.question_id for one in ratings],
        [one.metric for one in ratings],
        [one.value for one in ratings],
        [one.satisfied for one in ratings],
    )


async def finished_counts(tx: Connection, wanted: Collection[SurveyRef]) -> Mapping[SurveyRef, int]:
    """How many finished responses these surveys have."""
    keys = sorted(wanted)
    rows = await tx.fetch(
        """select r.shop_id, r.survey_id, count(*) as finished
           from responses r join unnest($1::text[], $2::text[]) as w(shop_id, survey_id)
             on r.shop_id = w.shop_id and r.survey_id = w.survey_id
           where r.finished
           group by r.shop_id, r.survey_id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row["shop_id"], row["survey_id"]): row["finished"] for row in rows}


async def take_a_slot(tx: Connection, shop_id: str, survey_id: str, most: int) -> bool:
    """Whether one more finished response fits; answers that finish at the same moment wait for each other."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 12))", f"{shop_id}\x1f{survey_id}")
    counts = await finished_counts(tx, [(shop_id, survey_id)])
    return counts.get((shop_id, survey_id), 0) < most
