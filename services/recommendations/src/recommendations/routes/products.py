"""What goes with one product."""

from typing import Annotated

from fastapi import APIRouter, Query

from comeback_kit.bodies import IdText
from comeback_kit.http import Caller, Id, Now, RuntimeDep, requires
from recommendations.asking import answer
from recommendations.routes.options import OptionsDep
from recommendations.schemas import ProductKind, RecommendationsAnswer

router = APIRouter(prefix="/v1/recommendations/products", tags=["Recommendations"])


@router.get("/{product_id}", summary="What goes with a product", dependencies=[requires("recommendations:read")])
async def for_product(
    product_id: Id,
    runtime: RuntimeDep,
    caller: Caller,
    now: Now,
    options: OptionsDep,
    kind: Annotated[ProductKind | None, Query(description="`bought_together` if not set")] = None,
    customer_id: Annotated[IdText | None, Query(description="the customer who looks, where known")] = None,
) -> RecommendationsAnswer:
    """What was bought together with the product, by its buyers at any time, or what is better than it.

    Never 404: for an unknown product the items are `trending`.
    """
    call = options.call("bought_together", kind, seeds=[product_id], customer_id=customer_id)
    return await answer(runtime, caller.shop_id, call, now)
