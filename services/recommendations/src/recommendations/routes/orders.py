"""What goes with an order that was just placed."""

from fastapi import APIRouter

from comeback_kit.auth import Principal
from comeback_kit.http import Caller, Id, Now, RuntimeDep, requires
from comeback_kit.runtime import Runtime
from recommendations import order_lines, order_store, people
from recommendations.asking import Call, answer
from recommendations.errors import OrderUnknown
from recommendations.order_store import OrderRow
from recommendations.routes.options import OptionsDep
from recommendations.schemas import RecommendationsAnswer

router = APIRouter(prefix="/v1/recommendations/orders", tags=["Recommendations"])


@router.get("/{order_id}", summary="What goes with an order", dependencies=[requires("recommendations:read")])
async def for_order(
    order_id: Id, runtime: RuntimeDep, caller: Caller, now: Now, options: OptionsDep
) -> RecommendationsAnswer:
    """What goes with an order and its customer. Never 404: for an unknown order the items are `trending`."""
    async with runtime.db.request(caller.shop_id) as tx:
        order = await order_store.read_one(tx, caller.shop_id, order_id)
    call = options.call(
        "bought_together",
        seeds=[] if order is None else order_lines.all_products(order.state),
        customer_id=None if order is None else order.customer_id,
        order_id=order_id,
    )
    return await answer(runtime, caller.shop_id, call, now)


@router.get(
    "/{order_id}/post-purchase",
    summary="The recommendations' part of a thank-you page",
    dependencies=[requires("recommendations:read", or_customer=True)],
)
async def post_purchase(order_id: Id, runtime: RuntimeDep, caller: Caller, now: Now) -> RecommendationsAnswer:
    """The recommendations of a thank-you page. A customer sees only own orders; 404 while the order is unknown."""
    order = await _visible(runtime, caller, order_id)
    call = Call(
        usual_kind="bought_together",
        seeds=order_lines.all_products(order.state),
        customer_id=order.customer_id,
        order_id=order_id,
        placement_id="post_purchase",
    )
    return await answer(runtime, caller.shop_id, call, now)


async def _visible(runtime: Runtime, caller: Principal, order_id: str) -> OrderRow:
    async with runtime.db.request(caller.shop_id) as tx:
        order = await order_store.read_one(tx, caller.shop_id, order_id)
        if order is None or order.seq is None:
            raise OrderUnknown
        if caller.kind == "customer":
            known = await people.look_up(tx, [(caller.shop_id, caller.subject)])
            if order.customer_id is None or order.customer_id != known.account(caller.shop_id, caller.subject):
                raise OrderUnknown
    return order
