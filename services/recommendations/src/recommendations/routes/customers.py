"""What is for one customer."""

from typing import Annotated

from fastapi import APIRouter, Query

from comeback_kit.http import Caller, CustomerId, Id, Now, RuntimeDep, requires
from recommendations.asking import answer, cycles
from recommendations.routes.options import OptionsDep
from recommendations.schemas import CustomerKind, CycleList, RecommendationsAnswer

router = APIRouter(prefix="/v1/recommendations", tags=["Recommendations"])

Kind = Annotated[CustomerKind | None, Query(description="`for_you` if not set; `buy_again` is the next basket")]


@router.get(
    "/customers/{customer_id}", summary="What to offer a customer", dependencies=[requires("recommendations:read")]
)
async def for_customer(
    customer_id: Id, runtime: RuntimeDep, caller: Caller, now: Now, options: OptionsDep, kind: Kind = None
) -> RecommendationsAnswer:
    """What to offer a customer. Never 404: an unknown one gets `trending`."""
    return await answer(runtime, caller.shop_id, options.call("for_you", kind, customer_id=customer_id), now)


@router.get(
    "/customers/{customer_id}/replenishment",
    summary="When a customer needs things again",
    dependencies=[requires("recommendations:read")],
)
async def replenishment_of(customer_id: Id, runtime: RuntimeDep, caller: Caller, now: Now) -> CycleList:
    """When the customer needs each product again, the next one first; empty where nobody can tell."""
    return await cycles(runtime, caller.shop_id, customer_id, now)


@router.get("/me", summary="What to offer me")
async def for_me(
    customer_id: CustomerId, runtime: RuntimeDep, caller: Caller, now: Now, options: OptionsDep, kind: Kind = None
) -> RecommendationsAnswer:
    """The same for the customer's own token."""
    return await answer(runtime, caller.shop_id, options.call("for_you", kind, customer_id=customer_id), now)
