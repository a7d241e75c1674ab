"""Members in and out: imports, exports, and work in the background."""

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from comeback_kit.errors import FieldError, TooLarge, Unprocessable
from comeback_kit.http import Begin, Caller, Id, Now, RuntimeDep, TransactionRoute, Tx, requires
from loyalty import audit, exporting, import_rows, importing, jobs
from loyalty.ids import RANDOM
from loyalty.job_rows import Job
from loyalty.program_store import load_one
from loyalty.schemas.jobs import ImportAnswer, JobAnswer
from loyalty.state import Cache, reading_of

router = APIRouter(prefix="/v1/loyalty", tags=["Data"], route_class=TransactionRoute)
# Streams read chunk by chunk in transactions of their own, so no transaction waits for a slow reader.
streams = APIRouter(prefix="/v1/loyalty", tags=["Data"])
READ = requires("loyalty:read")
WRITE = requires("loyalty:write")
MOST_BYTES = 32 * 1024 * 1024


@router.post(
    "/imports/members",
    dependencies=[WRITE],
    status_code=202,
    summary="Import members with their points",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    },
)
async def import_members(
    request: Request, begin: Begin, caller: Caller, now: Now, cache: Cache, runtime: RuntimeDep
) -> ImportAnswer:
    """JSON Lines (one member with its lots a line), or CSV (one lot a line).

    Good rows are booked in the background and keep their dates; bad ones are answered with their line. Sending a file
    again books nothing twice. A row of somebody who was erased is refused: old data brings nobody back. Such rows are
    found while the file is booked, and are in the job's `result` (`rejected`, `bad_rows`).
    """
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise TooLarge(f"an import has at most {MOST_BYTES} bytes; send it in parts")
    # The turn lasts until the rows are kept, which is how long they are in memory.
    async with reading_of(runtime):
        try:
            # Beside the loop: a million rows take half a minute, and others are to be answered meanwhile.
            content_type = request.headers.get("content-type", "")
            good, bad, rejected = await asyncio.to_thread(import_rows.parse, body, content_type, now)
        except import_rows.Unreadable as error:
            raise Unprocessable(errors=[FieldError("", str(error))]) from error
        tx = await begin()
        await load_one(tx, cache, caller.shop_id)
        job = Job(caller.shop_id, RANDOM.new_id("job"), "member_import", {}, now, now)
        await importing.start(tx, job, good)
    await jobs.start(tx, job)
    detail = {"accepted": len(good), "rejected": rejected}
    await audit.record(tx, caller.shop_id, caller.subject, "members.imported", job.job_id, detail, now)
    return ImportAnswer(job_id=job.job_id, accepted=len(good), rejected=rejected, bad_rows=bad)


@router.get("/jobs/{job_id}", dependencies=[READ], summary="How far work in the background is")
async def job(job_id: Id, tx: Tx, caller: Caller) -> JobAnswer:
    """A preview or an import. It is kept for a while after its end (90 days unless the service is told otherwise)."""
    return await jobs.answer(tx, caller.shop_id, job_id)


@router.get("/members/{customer_id}/export", dependencies=[READ], summary="Everything that is stored of a member")
async def export_member(customer_id: Id, tx: Tx, caller: Caller) -> Response:
    """Profile, lots, entries, redemptions, orders, counters."""
    found = await exporting.everything(tx, caller.shop_id, customer_id)
    return Response(msgspec.json.encode(found), media_type="application/json")


@streams.get(
    "/exports/members",
    dependencies=[READ],
    summary="All members with their lots",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}},
)
async def export_members(
    caller: Caller,
    runtime: RuntimeDep,
    format: Annotated[Literal["jsonl", "csv"], Query()] = "jsonl",  # noqa: A002  # the parameter's name
) -> StreamingResponse:
    """In the form in which they can be imported."""
    chunks = exporting.members(runtime.db, caller.shop_id, as_csv=format == "csv")
    media_type = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    return StreamingResponse(chunks, media_type=media_type)
