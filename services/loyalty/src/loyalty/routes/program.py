"""The program: read it, put a new version into force, list its versions."""

from fastapi import APIRouter, Response

from comeback_kit.http import Caller, Now, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import jobs, program_preview, programs
from loyalty.ids import RANDOM
from loyalty.program.checks import check_program
from loyalty.program_store import load_one
from loyalty.schemas.jobs import JobAnswer, ProgramPreviewAnswer, ProgramPreviewBody
from loyalty.schemas.program import ProgramAnswer, ProgramBody, VersionAnswer
from loyalty.state import Cache

router = APIRouter(prefix="/v1/loyalty/program", tags=["Program"], route_class=TransactionRoute)
READ = requires("loyalty:read")
WRITE = requires("loyalty:write")


@router.get("", dependencies=[READ], summary="The program in force")
async def program(tx: Tx, caller: Caller) -> ProgramAnswer:
    """Every field is said. It can be sent back as it is."""
    return await programs.newest(tx, caller.shop_id)


@router.put("", dependencies=[WRITE], summary="Put a program into force")
async def put(body: ProgramBody, tx: Tx, caller: Caller, now: Now) -> ProgramAnswer:
    """A new version, from this second on; a field left out has its default.

    An order is settled under the version in force at its `placed_at`. While no order of the shop has been settled, the
    first version is replaced, which is valid from ever.
    """
    return await programs.put(tx, caller.shop_id, body, actor=caller.subject, now=now)


@router.get("/versions", dependencies=[READ], summary="All versions, newest first")
async def versions(tx: Tx, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Page[VersionAnswer]:
    """Since when each is valid, who made it, and the document."""
    items, after = await programs.versions(tx, caller.shop_id, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=after)


@router.post(
    "/preview",
    dependencies=[READ],
    summary="What a changed program would have done",
    responses={202: {"model": JobAnswer, "description": "A job that does it; `GET /v1/loyalty/jobs/{job_id}`."}},
)
async def preview(
    body: ProgramPreviewBody, tx: Tx, caller: Caller, now: Now, cache: Cache, response: Response
) -> ProgramPreviewAnswer | JobAnswer:
    """To the newest `orders`, and to every member's tier. Changes nothing.

    A large shop is answered 202 with a job; its result is this answer.
    """
    check_program(body.program)
    shop = await load_one(tx, cache, caller.shop_id)
    if await program_preview.is_small(tx, caller.shop_id, body.orders):
        return await program_preview.at_once(tx, shop, body.program, body.orders, now)
    job = program_preview.new_job(shop, RANDOM.new_id("job"), body.program, body.orders, now)
    await jobs.start(tx, job)
    response.status_code = 202
    return await jobs.answer(tx, caller.shop_id, job.job_id)
