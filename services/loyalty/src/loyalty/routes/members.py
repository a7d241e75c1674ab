"""Members: their numbers, transactions, lots; adjustments and transfers."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from comeback_contracts.instants import parse_instant
from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.http import Caller, Id, Now, Reader, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import adjusting, history, member_history, member_list, member_lots, member_view
from loyalty.desk import Desk
from loyalty.errors import MemberUnknown
from loyalty.schemas.members import (
    AdjustmentBody,
    LotAnswer,
    MemberAnswer,
    MemberRow,
    TransactionAnswer,
    TransferAnswer,
    TransferBody,
)
from loyalty.state import Cache

router = APIRouter(prefix="/v1/loyalty/members", tags=["Members"], route_class=TransactionRoute)
READ = requires("loyalty:read")
WRITE = requires("loyalty:write")


@router.get("", dependencies=[READ], summary="Members, newest first")
async def members(
    tx: Tx,
    caller: Caller,
    limit: Limit = 20,
    cursor: Cursor = None,
    tier: Annotated[str | None, Query(max_length=128, description="only members of this tier")] = None,
    updated_since: Annotated[
        str | None, Query(max_length=64, description="only those changed since this instant")
    ] = None,
) -> Page[MemberRow]:
    """All members of the shop, or those of a tier, or those that changed."""
    since = None
    if updated_since is not None:
        try:
            since = parse_instant(updated_since)
        except ValueError as error:
            raise Unprocessable(errors=[FieldError("/query/updated_since", str(error))]) from error
    items, after = await member_list.page(
        tx, caller.shop_id, tier=tier, updated_since=since, limit=limit, cursor=cursor
    )
    return Page(items=items, next_cursor=after)


@router.get("/{customer_id}", dependencies=[READ], response_model=MemberAnswer, summary="A member")
async def member(customer_id: Id, reader: Reader, now: Now, cache: Cache) -> Response:
    """What a member has, and what comes next. An id that was merged answers the member it was merged into."""
    _, found = await member_view.glance(reader, cache, customer_id, now)
    if found is None:
        raise MemberUnknown
    # Written here, because FastAPI would validate the answer once more: this is the call that storefronts make most.
    return Response(found.model_dump_json(), media_type="application/json")


@router.get("/{customer_id}/transactions", dependencies=[READ], summary="A member's transactions, newest first")
async def transactions(
    customer_id: Id, reader: Reader, now: Now, cache: Cache, limit: Limit = 20, cursor: Cursor = None
) -> Page[TransactionAnswer]:
    """Every movement of points. `balance_after` chains."""
    items, after = await member_history.page(reader, cache, customer_id, now, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=after)


@router.get("/{customer_id}/lots", dependencies=[READ], summary="A member's lots, newest first")
async def lots(
    customer_id: Id, reader: Reader, now: Now, cache: Cache, limit: Limit = 20, cursor: Cursor = None
) -> Page[LotAnswer]:
    """Points by when they were earned; `remaining` 0 where all are used or gone."""
    items, after = await member_lots.page(reader, cache, customer_id, now, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=after)


@router.post("/{customer_id}/adjustments", dependencies=[WRITE], status_code=201, summary="Give or take points by hand")
async def adjust(
    customer_id: Id, body: AdjustmentBody, tx: Tx, caller: Caller, now: Now, cache: Cache
) -> TransactionAnswer:
    """The transaction that was posted."""
    desk = await Desk.open(tx, cache, caller.shop_id, now)
    posted = await adjusting.adjust(tx, desk, customer_id, body, actor=caller.subject)
    return await history.transaction(tx, caller.shop_id, *posted)


@router.post("/{customer_id}/transfers", dependencies=[WRITE], status_code=201, summary="Pass points on")
async def transfer(
    customer_id: Id, body: TransferBody, tx: Tx, caller: Caller, now: Now, cache: Cache
) -> TransferAnswer:
    """Both sides' transaction, the last of several. The receiver is made where nobody knows them."""
    desk = await Desk.open(tx, cache, caller.shop_id, now)
    out, into = await adjusting.transfer(
        tx, desk, customer_id, body.to, body.points, keep_expiry=body.keep_expiry, actor=caller.subject
    )
    return TransferAnswer(
        out=await history.transaction(tx, caller.shop_id, *out),
        into=await history.transaction(tx, caller.shop_id, *into),
    )
