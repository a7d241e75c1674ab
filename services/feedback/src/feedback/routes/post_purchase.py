"""What feedback adds to a thank-you page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from comeback_kit.auth import Principal
from comeback_kit.errors import MissingScope
from comeback_kit.http import Caller, Id, Now, RuntimeDep, TransactionRoute, Tx
from comeback_kit.languages import accepted
from feedback import queries
from feedback.schemas import PostPurchase
from feedback.service_state import state_of

router = APIRouter(prefix="/v1/feedback/orders", tags=["Post-purchase"], route_class=TransactionRoute)


def _may_see_orders(caller: Caller) -> Principal:
    if caller.kind == "key" and not (caller.may("post-purchase:read") or caller.may("feedback:read")):
        raise MissingScope("this call needs the scope post-purchase:read or feedback:read")
    return caller


@router.get("/{order_id}/post-purchase", summary="Feedback's part of a thank-you page")
async def post_purchase(
    order_id: Id,
    request: Request,
    tx: Tx,
    runtime: RuntimeDep,
    now: Now,
    caller: Annotated[Principal, Depends(_may_see_orders)],
) -> PostPurchase:
    """The survey of an order with its link, from the moment the order is known: answered early, no invitation follows.

    A customer sees only their own orders.
    """
    return await queries.post_purchase(
        tx,
        caller.shop_id,
        order_id,
        customer_id=caller.subject if caller.kind == "customer" else None,
        browser=accepted(request.headers.get("accept-language")),
        state=state_of(runtime),
        now=now,
    )
