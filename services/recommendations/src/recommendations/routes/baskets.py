"""What completes a basket."""

from fastapi import APIRouter

from comeback_kit.http import Caller, Now, RuntimeDep, requires
from recommendations.asking import Call, answer
from recommendations.schemas import BasketBody, RecommendationsAnswer

router = APIRouter(prefix="/v1/recommendations", tags=["Recommendations"])


@router.post("/basket", summary="What goes with a basket", dependencies=[requires("recommendations:read")])
async def for_basket(body: BasketBody, runtime: RuntimeDep, caller: Caller, now: Now) -> RecommendationsAnswer:
    """What goes with a basket, and with the customer who carries it. Products of the basket never appear."""
    call = Call(
        usual_kind="bought_together",
        seeds=body.product_ids,
        customer_id=body.customer_id,
        placement_id=body.placement,
        limit=body.limit,
        exclude=body.exclude or (),
        exclude_owned=body.exclude_owned,
        min_support=body.min_support,
        backfill=body.backfill,
    )
    return await answer(runtime, caller.shop_id, call, now)
