"""Surveys as documents."""

from fastapi import APIRouter

from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.http import Caller, Id, Now, RuntimeDep, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from feedback import surveys
from feedback.errors import SurveyUnknown
from feedback.schemas import SurveyAnswer, SurveyChange, SurveyItem
from feedback.service_state import state_of
from feedback.surveys import Version

router = APIRouter(prefix="/v1/feedback/surveys", tags=["Surveys"], route_class=TransactionRoute)


@router.get("", summary="Surveys, by id", dependencies=[requires("feedback:read")])
async def list_surveys(
    tx: Tx, caller: Caller, runtime: RuntimeDep, limit: Limit = 20, cursor: Cursor = None
) -> Page[SurveyItem]:
    """The shop's surveys by id; every shop has `nps` from the start."""
    known = (await surveys.current(tx, [caller.shop_id], state_of(runtime).surveys))[caller.shop_id]
    after = "" if cursor is None else str(decode_cursor(cursor, 1)[0])
    names = sorted(name for name in known if name > after)
    items = [_item(known[name]) for name in names[:limit]]
    more = len(names) > limit
    return Page(items=items, next_cursor=encode_cursor(items[-1].survey_id) if more else None)


@router.get("/{survey_id}", summary="A survey", dependencies=[requires("feedback:read")])
async def get_survey(survey_id: Id, tx: Tx, caller: Caller, runtime: RuntimeDep) -> SurveyAnswer:
    """A survey in its newest version, every default shown. It can be changed and PUT back as it is."""
    version = await surveys.current_of(tx, caller.shop_id, survey_id, state_of(runtime).surveys)
    return _answer(version)


@router.put("/{survey_id}", summary="Set a survey, or make one", dependencies=[requires("feedback:write")])
async def put_survey(survey_id: Id, change: SurveyChange, tx: Tx, caller: Caller, now: Now) -> SurveyAnswer:
    """Set a survey, or make one. Every PUT is a new version; links that are out show it, answers given keep theirs."""
    if change.survey_id is not None and change.survey_id != survey_id:
        detail = f"must be {survey_id!r}, as in the path, or left out"
        raise Unprocessable(detail, errors=[FieldError("/survey_id", detail)])
    version = await surveys.put(
        tx, caller.shop_id, survey_id, change.survey(), actor=caller.subject, now=now, read=change.version
    )
    return _answer(version)


@router.get(
    "/{survey_id}/versions/{version}",
    summary="An earlier version of a survey",
    dependencies=[requires("feedback:read")],
)
async def get_version(survey_id: Id, version: int, tx: Tx, caller: Caller, runtime: RuntimeDep) -> SurveyAnswer:
    """A survey as it was in an earlier version, which the answers of that time were given to."""
    if not 1 <= version < 2**31:
        raise SurveyUnknown
    return _answer(await surveys.version_of(tx, caller.shop_id, survey_id, version, state_of(runtime).surveys))


def _answer(version: Version) -> SurveyAnswer:
    own = {name: getattr(version.survey, name) for name in type(version.survey).model_fields}
    return SurveyAnswer.model_construct(
        survey_id=version.survey_id, version=version.version, updated_at=version.created_at, **own
    )


def _item(version: Version) -> SurveyItem:
    return SurveyItem(
        survey_id=version.survey_id,
        name=version.survey.name,
        version=version.version,
        enabled=version.survey.enabled,
        updated_at=version.created_at,
    )
