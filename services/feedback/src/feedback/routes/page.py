"""The hosted survey page behind a personal link. A GET never writes: mail scanners open every link.

The same link serves programs: ``Accept: application/json`` answers what is asked as JSON, and a JSON body is taken.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from comeback_kit.db import Connection
from comeback_kit.errors import FieldError
from comeback_kit.http import Now, RuntimeDep
from comeback_kit.languages import accepted
from feedback.answering import Occasion, keep
from feedback.errors import AlreadyAnswered, AnswersInvalid, SurveyUnknown
from feedback.links import SurveyLink
from feedback.page import forms
from feedback.page.forms import Sent
from feedback.page.language import Language, language_for
from feedback.page.questions import asked_in
from feedback.page.refusals import PageRoute, reads_html, reads_json
from feedback.page.rendering import HEADERS
from feedback.page.views import note_page, survey_page
from feedback.responses import Response as Kept
from feedback.service_state import ServiceState, state_of
from feedback.survey import submission, walk
from feedback.survey.answers import to_json
from feedback.survey.submission import Outcome
from feedback.visits import Visit, claimed_shop, open_link, visit

router = APIRouter(prefix="/f", tags=["Hosted pages"], route_class=PageRoute)

_HTML: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}, "description": "The survey, or what stands in its place."},
    403: {"description": "`link_invalid`: cut off, altered, or not one of ours."},
    410: {"description": "`link_expired`, `link_gone` (forgotten with its customer), `survey_closed`."},
}
_FORM_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                "example": {"nps": "9", "comment": "Quick delivery"},
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"answers": {"type": "object"}, "finished": {"type": "boolean", "default": True}},
                },
                "example": {"answers": {"nps": 9, "comment": "Quick delivery"}},
            },
        },
        "required": True,
    }
}


@router.get("/{token}", responses=_HTML, summary="The survey page", operation_id="survey_page")
async def show(
    token: str,
    request: Request,
    runtime: RuntimeDep,
    now: Now,
    lang: Annotated[str | None, Query(max_length=64, description="the page's language: `en de es fr`")] = None,
) -> Response:
    """The survey as a page. A question's id as a query parameter preselects its answer (`?nps=8`); nothing is kept."""
    state = state_of(runtime)
    async with runtime.db.request(claimed_shop(token)) as tx:
        await tx.execute("set transaction read only")
        link = await open_link(tx, token)
        found = await visit(tx, link, state, now=now)
    language = _language(found, request, lang)
    if reads_json(request):
        return _as_json(found, language)
    if found.answered:
        return note_page("already", language, shop=found.shop)
    return _form(found, language, request, lang)


@router.post(
    "/{token}", responses=_HTML, summary="Answer the survey", operation_id="answer_survey", openapi_extra=_FORM_BODY
)
async def answer(token: str, request: Request, runtime: RuntimeDep, now: Now) -> Response:
    """Answer. A link takes one answer; sent again, the first one stands. A page of several is kept until the last."""
    sent = forms.read(await request.body(), request.headers.get("content-type", ""))
    state = state_of(runtime)
    async with runtime.db.request(claimed_shop(token)) as tx:
        link = await open_link(tx, token)
        found = await _visit_as_seen(tx, link, state, now=now, version=sent.version)
        language = _language(found, request, sent.lang)
        if found.answered:
            return _already(found, language, request)
        outcome = _outcome(found, sent)
        if outcome.errors:
            return _wrong(found, outcome, sent, language, request)
        occasion = Occasion(now, language.tag, request.scope["state"].get("traceparent"))
        kept = await keep(tx, found, outcome, occasion)
    runtime.wake()
    if reads_json(request):
        return JSONResponse(_said(found, kept), headers=HEADERS)
    if kept.finished:
        return note_page("thanks", language, shop=found.shop)
    return survey_page(found, _next(found, outcome), outcome.way, language, chosen=sent.lang)


async def _visit_as_seen(
    tx: Connection, link: SurveyLink, state: ServiceState, *, now: datetime, version: int | None
) -> Visit:
    try:
        return await visit(tx, link, state, now=now, lock=True, version=version)
    except SurveyUnknown:  # the form names a version that never was
        return await visit(tx, link, state, now=now, lock=True)


def _language(found: Visit, request: Request, chosen: str | None) -> Language:
    browser = accepted(request.headers.get("accept-language"))
    return language_for([chosen, found.person.locale, found.order_locale, *browser, found.shop.locale])


def _kept_answers(found: Visit) -> dict[str, Any]:
    return {} if found.response is None else dict(found.response.answers)


def _form(found: Visit, language: Language, request: Request, chosen: str | None) -> Response:
    survey = found.version.survey
    way = walk.walk(survey, _kept_answers(found), found.attributes)
    pages = walk.pages_of(survey, way)
    at = request.query_params.get("_at")
    shown = next((one for one in pages if one[0].id == at), pages[-1])
    names = {question.id for question in shown}
    wanted = {name: request.query_params.getlist(name) for name in request.query_params if name in names}
    return survey_page(found, shown, way, language, given=wanted or None, chosen=chosen)


def _outcome(found: Visit, sent: Sent) -> Outcome:
    survey, kept = found.version.survey, _kept_answers(found)
    if sent.answers is not None:
        return submission.of_json(survey, kept, found.attributes, sent.answers, finish=sent.finish)
    return submission.of_form(survey, kept, found.attributes, sent.fields, sent.shown)


def _next(found: Visit, outcome: Outcome) -> walk.PageOf:
    return walk.pages_of(found.version.survey, outcome.way)[-1]


def _wrong(found: Visit, outcome: Outcome, sent: Sent, language: Language, request: Request) -> Response:
    if sent.answers is not None or not reads_html(request):
        prefix = "/answers" if sent.answers is not None else ""
        errors = [
            FieldError(f"{prefix}/{name}", language.say(error.key, **error.values))
            for name, error in outcome.errors.items()
        ]
        raise AnswersInvalid("; ".join(f"{one.pointer}: {one.detail}" for one in errors[:3]), errors=errors)
    survey = found.version.survey
    first = next(question for question in survey.questions if question.id in outcome.errors)
    shown = next((one for one in walk.pages_of(survey, outcome.way) if first in one), walk.page_from(survey, first))
    return survey_page(
        found, shown, outcome.way, language, given=sent.fields, errors=outcome.errors, chosen=sent.lang, status=422
    )


def _already(found: Visit, language: Language, request: Request) -> Response:
    if reads_json(request):
        raise AlreadyAnswered("a link takes one answer; the first one stands")
    return note_page("already", language, shop=found.shop)


def _as_json(found: Visit, language: Language) -> Response:
    survey = found.version.survey
    document = {
        "survey_id": found.version.survey_id,
        "version": found.version.version,
        "state": "answered" if found.answered else ("open" if found.response is None else "started"),
        "language": language.tag,
        "shop": found.shop.name,
        "questions": [asked_in(question, language, found.shop.name) for question in survey.questions],
        "answers": to_json(_kept_answers(found)),
        "expires_at": found.invitation.expires_at.isoformat(),
    }
    return JSONResponse(document, headers=HEADERS)


def _said(found: Visit, kept: Kept) -> dict[str, Any]:
    way = walk.walk(found.version.survey, kept.answers, found.attributes)
    return {
        "response_id": kept.response_id,
        "survey_id": found.version.survey_id,
        "finished": kept.finished,
        "next_question": None if kept.finished or way.next is None else way.next.id,
    }
