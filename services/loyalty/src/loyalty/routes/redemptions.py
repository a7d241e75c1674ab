"""Redemptions: hold, confirm, cancel, return."""

from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Response

from comeback_kit.http import Caller, Id, Now, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import redemption, redemption_list, redemption_rows
from loyalty.desk import Desk
from loyalty.errors import RedemptionUnknown
from loyalty.express import Express
from loyalty.ids import RANDOM
from loyalty.redemption_list import answer
from loyalty.schemas.rewards import ConfirmBody, NothingBody, RedemptionAnswer, RedemptionBody
from loyalty.settings import Settings
from loyalty.state import Cache, ExpressTill, LoyaltySettings

router = APIRouter(prefix="/v1/loyalty", tags=["Redemptions"], route_class=TransactionRoute)
READ = requires("loyalty:read")
WRITE = requires("loyalty:write")
FIRST_HOLD: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": RedemptionAnswer, "description": "The first hold for the same order and points."}
}


@router.post(
    "/members/{customer_id}/redemptions",
    dependencies=[WRITE],
    status_code=201,
    summary="Take a reward, or pay for an order with points",
    responses=FIRST_HOLD,
)
async def redeem(
    customer_id: Id, body: RedemptionBody, express: ExpressTill, settings: LoyaltySettings, response: Response
) -> RedemptionAnswer:
    """The points are held until the redemption is confirmed or cancelled, or until `expires_at`.

    The same order and points again answer the first hold with 200.
    """
    return await hold(express, customer_id, body, settings, response, create=False)


async def hold(
    express: Express, customer_id: str, body: RedemptionBody, settings: Settings, response: Response, *, create: bool
) -> RedemptionAnswer:
    """Hold for a reward or for an order, as the body says."""
    if body.reward_id is None:
        async with express.desk() as (tx, desk):
            return await hold_for_order(tx, desk, customer_id, body, settings, response, create=create)
    life = timedelta(days=settings.reward_hold_days)
    return answer(await express.hold_for_reward(customer_id, body.reward_id, life=life, ids=RANDOM, create=create))


async def hold_for_order(
    tx: Tx, desk: Desk, customer_id: str, body: RedemptionBody, settings: Settings, response: Response, *, create: bool
) -> RedemptionAnswer:
    """Hold points that pay for an order; the same order and points again answer the first hold."""
    assert body.points is not None and body.order_id is not None  # noqa: S101, PT018  # the body's own check
    assert body.order_total is not None and body.currency is not None  # noqa: S101, PT018
    one, is_new = await redemption.hold_for_order(
        tx,
        desk,
        customer_id,
        points=body.points,
        order_id=body.order_id,
        order_total=body.order_total,
        currency=body.currency,
        life=timedelta(minutes=settings.order_hold_minutes),
        ids=RANDOM,
        create=create,
    )
    if not is_new:
        response.status_code = 200
    return answer(one)


@router.get("/members/{customer_id}/redemptions", dependencies=[READ], summary="A member's redemptions, newest first")
async def redemptions(
    customer_id: Id, tx: Tx, caller: Caller, limit: Limit = 20, cursor: Cursor = None
) -> Page[RedemptionAnswer]:
    """Held, spent and ended ones."""
    items, after = await redemption_list.page(tx, caller.shop_id, customer_id, limit=limit, cursor=cursor)
    return Page(items=items, next_cursor=after)


@router.get("/redemptions/{redemption_id}", dependencies=[READ], summary="A redemption")
async def get(redemption_id: Id, tx: Tx, caller: Caller) -> RedemptionAnswer:
    """One redemption."""
    found = await redemption_rows.find(tx, caller.shop_id, redemption_id)
    if found is None:
        raise RedemptionUnknown
    return answer(found)


@router.post("/redemptions/{redemption_id}/confirm", dependencies=[WRITE], summary="Spend the held points")
async def confirm(redemption_id: Id, express: ExpressTill, body: ConfirmBody | None = None) -> RedemptionAnswer:
    """`points` of an order's hold are spent and the rest is free again; without it all are."""
    return answer(await express.confirm(redemption_id, body.points if body else None))


@router.post("/redemptions/{redemption_id}/cancel", dependencies=[WRITE], summary="Free the held points")
async def cancel(
    redemption_id: Id,
    tx: Tx,
    caller: Caller,
    now: Now,
    cache: Cache,
    body: NothingBody | None = None,  # noqa: ARG001  # refuses other bodies
) -> RedemptionAnswer:
    """The points go back into their lots with their own expiry."""
    desk = await Desk.expect(tx, cache, caller.shop_id, now)
    return answer(await redemption.cancel(tx, desk, redemption_id, actor=caller.subject))


@router.post("/redemptions/{redemption_id}/return", dependencies=[WRITE], summary="Give spent points back")
async def give_back(
    redemption_id: Id,
    tx: Tx,
    caller: Caller,
    now: Now,
    cache: Cache,
    body: NothingBody | None = None,  # noqa: ARG001
) -> RedemptionAnswer:
    """The points go back into their lots with their own expiry."""
    desk = await Desk.expect(tx, cache, caller.shop_id, now)
    return answer(await redemption.give_back(tx, desk, redemption_id, actor=caller.subject))
