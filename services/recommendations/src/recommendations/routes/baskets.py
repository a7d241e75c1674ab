"""What completes a basket."""

from fastapi import APIRouter

from comeback_kit.http import Caller, Now, RuntimeDep, requires
from recommendations.answering import answer
from recommendations.engine.suggest import Question
from recommendations.schemas import BasketBody, RecommendationsAnswer

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])


@router.post("/basket", dependencies=[requires("recommendations:read")])
async def for_basket(body: BasketBody, runtime: RuntimeDep, caller: Caller, now: Now) -> RecommendationsAnswer:
    """What goes with a basket, and with the customer who carries it. Products of the basket never appear."""
    question = Question(
        kind="bought_together",
        now=now.timestamp(),
        seeds=body.product_ids,
        customer_id=body.customer_id,
        limit=body.limit or 10,
        exclude=body.exclude or (),
        exclude_owned=bool(body.exclude_owned),
        min_support=body.min_support or 1,
        backfill=body.backfill is not False,
    )
    return await answer(runtime, caller.shop_id, question, now)
