"""Reports for finance, as JSON or CSV, and the audit trail."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from comeback_contracts.instants import is_in_the_future, parse_instant
from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.http import Answer, Caller, Now, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import audit, reports
from loyalty.errors import InTheFuture
from loyalty.program_store import load_one
from loyalty.schemas.reports import AuditRow, LiabilityAnswer, LiabilityPart, MonthRow, MonthsAnswer
from loyalty.state import Cache

router = APIRouter(prefix="/v1/loyalty", tags=["Reports"], route_class=TransactionRoute)
READ = requires("loyalty:read")
Format = Annotated[Literal["json", "csv"], Query(description="`csv` answers the rows as a file")]
At = Annotated[str | None, Query(max_length=64, description="an instant of the past; default: now")]

_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@router.get(
    "/reports/liability",
    dependencies=[READ],
    response_model=LiabilityAnswer,
    summary="What points are owed",
    responses=_FILE,
)
async def liability(
    tx: Tx,
    caller: Caller,
    now: Now,
    cache: Cache,
    at: At = None,
    format: Format = "json",  # noqa: A002  # the parameter's name
) -> LiabilityAnswer | Response:
    """Balances and held points by expiry month and tier, now or at that instant.

    With sliding expiry a past instant knows the months from what had earned points by then: a later end that a
    redemption or an activity without points had already brought about is not kept, so the month may be an earlier one
    than was told at that time.
    """
    shop = await load_one(tx, cache, caller.shop_id)
    then = instant("at", at)
    if then is not None and is_in_the_future(then, now):
        raise InTheFuture(errors=[FieldError("/query/at", "is more than 10 minutes in the future")])
    past = then is not None and then < now
    found = await reports.liability(tx, shop, then if past and then is not None else now, past=past)
    return found if format == "json" else as_csv("liability", LiabilityPart, found.by)


@router.get(
    "/reports/months",
    dependencies=[READ],
    response_model=MonthsAnswer,
    summary="Earned and burned per month",
    responses=_FILE,
)
async def months(
    tx: Tx,
    caller: Caller,
    cache: Cache,
    since: At = None,
    until: At = None,
    format: Format = "json",  # noqa: A002
) -> MonthsAnswer | Response:
    """In the shop's zone, newest first."""
    shop = await load_one(tx, cache, caller.shop_id)
    found = await reports.months(tx, shop, instant("since", since), instant("until", until))
    return MonthsAnswer(items=found) if format == "json" else as_csv("months", MonthRow, found)


@router.get("/audit", dependencies=[READ], summary="What staff and keys changed, newest first")
async def trail(tx: Tx, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Page[AuditRow]:
    """Programs, rewards, adjustments, transfers, imports."""
    items, after = await audit.page(tx, caller.shop_id, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=after)


def instant(name: str, text: str | None) -> datetime | None:
    """A query parameter that is an instant; 422 where it is none."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Unprocessable(errors=[FieldError(f"/query/{name}", str(error))]) from error


def as_csv(name: str, row_type: type[Answer], rows: Iterable[Answer]) -> Response:
    """Rows as a CSV file with a head line."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns: Sequence[str] = list(row_type.model_fields)
    writer.writerow(columns)
    for row in rows:
        values = row.model_dump(mode="json")
        writer.writerow(["" if values[column] is None else values[column] for column in columns])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
