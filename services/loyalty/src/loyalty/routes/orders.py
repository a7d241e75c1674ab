"""Orders: what one would earn, why one earned what it did, and its thank-you page."""

from typing import Annotated

from fastapi import APIRouter, Depends

from comeback_kit.auth import Principal
from comeback_kit.errors import MissingScope
from comeback_kit.http import Caller, Id, Now, TransactionRoute, Tx, requires
from loyalty import explaining, thank_you
from loyalty.schemas.orders import EarnPreviewAnswer, EarnPreviewBody, ExplanationAnswer, PostPurchaseAnswer
from loyalty.state import Cache

router = APIRouter(prefix="/v1/loyalty", tags=["Orders"], route_class=TransactionRoute)
READ = requires("loyalty:read")


@router.post("/earn/preview", dependencies=[READ], summary="What an order would earn")
async def preview(body: EarnPreviewBody, tx: Tx, caller: Caller, now: Now, cache: Cache) -> EarnPreviewAnswer:
    """The order is taken as paid and delivered; nothing is written. Equals what will be posted."""
    return await explaining.preview(tx, cache, caller.shop_id, body.order, body.customer_id, body.at, now)


@router.get("/orders/{order_id}/explanation", dependencies=[READ], summary="Why an order earned what it earned")
async def explanation(order_id: Id, tx: Tx, caller: Caller, cache: Cache) -> ExplanationAnswer:
    """Per rule and line why points, why none, under which program version, and every posting since."""
    return await explaining.explanation(tx, cache, caller.shop_id, order_id)


def _may_see(caller: Caller) -> Principal:
    if caller.kind == "key" and not (caller.may("post-purchase:read") or caller.may("loyalty:read")):
        raise MissingScope("this call needs the scope post-purchase:read or loyalty:read")
    return caller


@router.get("/orders/{order_id}/post-purchase", summary="Loyalty's part of a thank-you page")
async def post_purchase(
    order_id: Id, tx: Tx, caller: Annotated[Principal, Depends(_may_see)], now: Now, cache: Cache
) -> PostPurchaseAnswer:
    """What the order earned, and what comes next. A customer sees only own orders."""
    customer_id = caller.subject if caller.kind == "customer" else None
    return await thank_you.read(tx, cache, caller.shop_id, order_id, customer_id, now)
