"""Loyalty's part of the thank-you page of an order."""

from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection
from loyalty import member_view, members, orders, rewards
from loyalty.errors import OrderUnknown
from loyalty.member_read import Seen
from loyalty.orders import OrderRow
from loyalty.program_store import ShopCache, load_one
from loyalty.schemas.members import MemberAnswer
from loyalty.schemas.orders import PostPurchaseAnswer
from loyalty.shop import Shop

_LOT: Final = """
select active, remaining, earned - clawed - shortfall as settled from lots
where shop_id = $1 and customer_id = $2 and lot_id = $3"""


async def read(
    tx: Connection, cache: ShopCache, shop_id: str, order_id: str, customer_id: str | None, now: datetime
) -> PostPurchaseAnswer:
    """What the order earned and what comes next for its buyer.

    ``customer_id`` is given for a customer's own token, which sees own orders only. Raises ``OrderUnknown`` (404).
    """
    order = await orders.peek(tx, shop_id, order_id)
    if order is None or order.waiting or not order.has_snapshot:
        raise OrderUnknown
    buyer = order.buyer
    shop = await load_one(tx, cache, shop_id)
    seen = None if buyer is None else await member_view.see(tx, shop, buyer, now)
    member = None if seen is None else member_view.answer(seen)
    if customer_id is not None and not await _is_of(tx, shop_id, customer_id, buyer, member):
        raise OrderUnknown
    if seen is None or member is None:
        return PostPurchaseAnswer(points_earned=0, points_pending=0, balance=0, tier=None, next_reward=None)
    earned, pending = await _points(tx, seen, order)
    return PostPurchaseAnswer(
        points_earned=earned,
        points_pending=pending,
        balance=member.balance,
        tier=member.tier.model_dump(mode="json") if member.tier is not None and member.tier.id is not None else None,
        next_reward=await next_reward(tx, shop, member, now),
    )


async def _points(tx: Connection, seen: Seen, order: OrderRow) -> tuple[int, int]:
    """What an order earned its buyer, and how much of that is pending; of the lots that are read something is due."""
    assert seen.book is not None  # noqa: S101  # there is a member
    lot = seen.book.lots.get(order.lot_id)
    if lot is not None:
        active, remaining, settled = lot.active, lot.remaining, lot.settled
    else:
        row = await tx.fetchrow(_LOT, *seen.book.key, order.lot_id)
        if row is None:
            return 0, 0
        active, remaining, settled = row
    return (settled, 0) if active else (0, remaining)


async def _is_of(
    tx: Connection, shop_id: str, customer_id: str, buyer: str | None, member: MemberAnswer | None
) -> bool:
    """Whether a customer is the buyer, under whichever of their ids."""
    if customer_id == buyer or member is None:
        return customer_id == buyer
    asking = await members.peek(tx, shop_id, customer_id)
    return asking is not None and asking.customer_id == member.customer_id


async def next_reward(tx: Connection, shop: Shop, member: MemberAnswer, now: datetime) -> dict[str, Any] | None:
    """The cheapest reward open to the member's tier that the balance does not reach yet; else the dearest it does."""
    balance, tier = member.balance, None if member.tier is None else member.tier.id
    found = [
        one for one in await rewards.open_ones(tx, shop.shop_id, now) if one.body.points > 0 and one.is_for(shop, tier)
    ]
    if not found:
        return None
    one = next((one for one in found if one.body.points > balance), found[-1])
    return {
        "reward_id": one.reward_id,
        "name": one.body.name,
        "kind": one.body.kind,
        "points": one.body.points,
        "points_missing": max(0, one.body.points - balance),
    }
