"""Back-tests on the shop's own orders."""

import secrets
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import Field

from comeback_kit.auth import Principal
from comeback_kit.bodies import Answer, Body
from comeback_kit.db import Connection
from comeback_kit.http import Caller, Id, Now, RuntimeDep, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page, decode_instant_cursor, encode_cursor
from recommendations.backtest import jobs
from recommendations.backtest.report import as_page
from recommendations.errors import BacktestNotReady, BacktestUnknown
from recommendations.service_state import state_of

router = APIRouter(prefix="/v1/recommendations/backtests", tags=["Back-tests"], route_class=TransactionRoute)
READ = requires("recommendations:read")
WRITE = requires("recommendations:write")


class BacktestBody(Body):
    """How many of the last days are asked for."""

    days: int = Field(default=28, ge=1, le=366, strict=True)


class BacktestAnswer(Answer):
    """A back-test; `result` has the metrics of every placement once it is `done`."""

    backtest_id: str
    state: Literal["queued", "running", "done", "failed"]
    days: int
    progress: float
    reason: str | None
    result: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


@router.post("", summary="Start a back-test", status_code=202, dependencies=[WRITE])
async def start(body: BacktestBody, tx: Tx, caller: Caller, now: Now, runtime: RuntimeDep) -> BacktestAnswer:
    """Replay the last days: every order is asked for just before it is put in, and compared with popularity and with
    what the customer bought most often.
    """
    row = await jobs.ask(tx, caller.shop_id, f"bt_{secrets.token_urlsafe(9)}", body.days, now)
    state_of(runtime).backtests_wanted.set()
    return _answer(row)


@router.get("", summary="Back-tests, newest first", dependencies=[READ])
async def every(tx: Tx, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Page[BacktestAnswer]:
    """The shop's back-tests, newest first."""
    before = None if cursor is None else decode_instant_cursor(cursor)
    rows = await jobs.page(tx, caller.shop_id, before, limit + 1)
    more = rows[limit - 1] if len(rows) > limit else None
    after = None if more is None else encode_cursor(more["created_at"].isoformat(), more["backtest_id"])
    return Page(items=[_answer(row) for row in rows[:limit]], next_cursor=after)


@router.get("/{backtest_id}", summary="A back-test", dependencies=[READ])
async def read(backtest_id: Id, tx: Tx, caller: Caller) -> BacktestAnswer:
    """One back-test."""
    return _answer(await _known(tx, caller, backtest_id))


@router.get(
    "/{backtest_id}/report", summary="A back-test's report, as a page", dependencies=[READ], response_class=HTMLResponse
)
async def report(backtest_id: Id, tx: Tx, caller: Caller) -> HTMLResponse:
    """The result as a page with charts."""
    row = await _known(tx, caller, backtest_id)
    if row["result"] is None:
        raise BacktestNotReady(f"its state is {row['state']}")
    return HTMLResponse(as_page(row["result"], f"Back-test of {caller.shop_id}"), headers={"Cache-Control": "no-store"})


async def _known(tx: Connection, caller: Principal, backtest_id: str) -> Any:
    row = await jobs.one(tx, caller.shop_id, backtest_id)
    if row is None:
        raise BacktestUnknown
    return row


def _answer(row: Any) -> BacktestAnswer:
    return BacktestAnswer(**{name: row[name] for name in BacktestAnswer.model_fields})
