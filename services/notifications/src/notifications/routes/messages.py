"""Messages: what was sent, what was not and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from comeback_kit.http import Caller, Id, IdText, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from notifications import queries
from notifications.errors import MessageUnknown, OrderUnknown
from notifications.schemas import Message, MessageDetail, PostPurchase

router = APIRouter(prefix="/v1/notifications", tags=["Messages"], route_class=TransactionRoute)

IdFilter = Annotated[IdText | None, Query()]


@router.get("/messages", summary="Messages, newest first", dependencies=[requires("notifications:read")])
async def messages(
    tx: Tx,
    caller: Caller,
    customer_id: IdFilter = None,
    order_id: IdFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[Message]:
    """Every message, newest first, with the reason where none was sent."""
    return await queries.messages_page(
        tx, caller.shop_id, customer_id=customer_id, order_id=order_id, limit=limit, cursor=cursor
    )


@router.get("/messages/{message_id}", summary="A message, with its mail", dependencies=[requires("notifications:read")])
async def message(message_id: Id, tx: Tx, caller: Caller) -> MessageDetail:
    """One message with the mail as it was sent."""
    found = await queries.message(tx, caller.shop_id, message_id)
    if found is None:
        raise MessageUnknown
    return found


@router.get(
    "/orders/{order_id}/post-purchase",
    summary="The messages' part of a thank-you page",
    dependencies=[requires("notifications:read", or_customer=True)],
)
async def post_purchase(order_id: Id, tx: Tx, caller: Caller) -> PostPurchase:
    """The messages of an order, for its thank-you page. A customer sees only their own orders."""
    customer_id = caller.subject if caller.kind == "customer" else None
    found = await queries.post_purchase(tx, caller.shop_id, order_id, customer_id)
    if found is None:
        raise OrderUnknown
    return found
