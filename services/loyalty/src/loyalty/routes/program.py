"""The program: read it, put a new version into force, list its versions."""

from fastapi import APIRouter

from comeback_kit.http import Caller, Now, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import programs
from loyalty.schemas.program import ProgramAnswer, ProgramBody, VersionAnswer

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
