"""Responses and scores."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from comeback_contracts.instants import Instant
from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.http import Caller, IdText, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from feedback import queries, score_queries
from feedback.schemas import ResponseItem, ScoreAnswer
from feedback.score_queries import Metric, Period

router = APIRouter(prefix="/v1/feedback", tags=["Responses"], route_class=TransactionRoute)

IdFilter = Annotated[IdText | None, Query()]


@router.get("/responses", summary="Responses, newest first", dependencies=[requires("feedback:read")])
async def list_responses(
    tx: Tx,
    caller: Caller,
    survey_id: IdFilter = None,
    customer_id: IdFilter = None,
    order_id: IdFilter = None,
    finished: Annotated[bool | None, Query(description="only finished ones, or only those that are not")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ResponseItem]:
    """Responses, newest first; also those that somebody began and did not finish (`finished: false`)."""
    return await queries.responses_page(
        tx,
        caller.shop_id,
        survey_id=survey_id,
        customer_id=customer_id,
        order_id=order_id,
        finished=finished,
        limit=limit,
        cursor=cursor,
    )


@router.get("/scores", summary="NPS, CSAT or CES, with its interval", dependencies=[requires("feedback:read")])
async def get_score(
    tx: Tx,
    caller: Caller,
    metric: Annotated[Metric, Query(description="`nps`, `csat` (share of satisfied) or `ces` (mean of 1–7)")],
    survey_id: IdFilter = None,
    start: Annotated[Instant | None, Query(alias="from", description="answered at or after")] = None,
    to: Annotated[Instant | None, Query(description="answered before")] = None,
    compare_from: Annotated[Instant | None, Query(description="start of an earlier period (`nps`)")] = None,
    compare_to: Annotated[Instant | None, Query(description="end of the earlier period")] = None,
) -> ScoreAnswer:
    """A score with its number of answers, its 95 % interval and the version of its definition."""
    _check_order(start, to, "to")
    _check_order(compare_from, compare_to, "compare_to")
    compares = compare_from is not None or compare_to is not None
    before = Period(compare_from, compare_to) if compares else None
    return await score_queries.score(
        tx, caller.shop_id, metric, survey_id=survey_id, period=Period(start, to), before=before
    )


def _check_order(start: datetime | None, end: datetime | None, name: str) -> None:
    if start is not None and end is not None and end < start:
        detail = "must not lie before the start of the period"
        raise Unprocessable(detail, errors=[FieldError(f"/query/{name}", detail)])
