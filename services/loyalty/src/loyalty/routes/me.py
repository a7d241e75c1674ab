"""The customer's own calls, for apps and browsers. A customer of whom nothing is known reads zeros."""

import contextlib
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Response

from comeback_kit.http import Answer, CustomerId, Now, Reader, TransactionRoute
from comeback_kit.paging import Cursor, Limit, Page, encode_cursor
from loyalty import cursors, member_history, member_view, redemption_list, rewards, thank_you, ways
from loyalty.errors import MemberUnknown
from loyalty.routes.redemptions import FIRST_HOLD, hold
from loyalty.schemas.me import MeAnswer, WaysToEarn
from loyalty.schemas.members import TransactionAnswer
from loyalty.schemas.rewards import RedemptionAnswer, RedemptionBody, RewardAnswer
from loyalty.state import Cache, ExpressTill, LoyaltySettings

router = APIRouter(prefix="/v1/loyalty/me", tags=["Me"], route_class=TransactionRoute)
IfNoneMatch = Annotated[str | None, Header(description="`ETag` of the answer that you have")]


def tagged(answer: Answer, if_none_match: str | None) -> Response:
    """The answer with its ETag, or 304 where the caller has it."""
    body = answer.model_dump_json().encode()
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@router.get("", response_model=MeAnswer, summary="My points")
async def me(
    customer_id: CustomerId, reader: Reader, now: Now, cache: Cache, if_none_match: IfNoneMatch = None
) -> Response:
    """What I have and what comes next. With `If-None-Match` 304 while nothing changed."""
    shop, found = await member_view.glance(reader, cache, customer_id, now)
    mine = found or member_view.zeros(shop, customer_id)
    async with reader.transaction() as tx:
        reward = await thank_you.next_reward(tx, shop, mine, now)
    points_name = shop.current.document.points_name.model_dump()
    return tagged(MeAnswer(**mine.model_dump(), points_name=points_name, next_reward=reward), if_none_match)


@router.get("/transactions", response_model=Page[TransactionAnswer], summary="My transactions, newest first")
async def transactions(
    customer_id: CustomerId,
    reader: Reader,
    now: Now,
    cache: Cache,
    limit: Limit = 20,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Every movement of my points. With `If-None-Match` 304 while nothing changed."""
    items: list[TransactionAnswer] = []
    after = None
    with contextlib.suppress(MemberUnknown):
        items, after = await member_history.page(reader, cache, customer_id, now, limit=limit, cursor=cursor)
    return tagged(Page[TransactionAnswer](items=items, next_cursor=after), if_none_match)


@router.get("/rewards", response_model=Page[RewardAnswer], summary="What I can take")
async def my_rewards(
    customer_id: CustomerId,
    reader: Reader,
    now: Now,
    cache: Cache,
    limit: Limit = 20,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Open rewards for my tier, cheapest first, with what is missing to each."""
    before = cursors.price_and_id(cursor)
    shop, found = await member_view.glance(reader, cache, customer_id, now)
    balance = 0 if found is None else found.balance
    tier = None if found is None or found.tier is None else found.tier.id
    async with reader.transaction() as tx:
        open_ones = await rewards.open_ones(tx, reader.shop_id, now)
    items = [
        one.answer(affordable=one.body.points <= balance, points_missing=max(0, one.body.points - balance))
        for one in open_ones
        if (one.body.points, one.reward_id) > before and one.is_for(shop, tier)
    ]
    more = len(items) > limit
    after = encode_cursor(items[limit - 1].points, items[limit - 1].reward_id) if more else None
    return tagged(Page[RewardAnswer](items=items[:limit], next_cursor=after), if_none_match)


@router.get("/redemptions", response_model=Page[RedemptionAnswer], summary="My redemptions, newest first")
async def my_redemptions(
    customer_id: CustomerId,
    reader: Reader,
    now: Now,
    cache: Cache,
    limit: Limit = 20,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """With their codes."""
    _, found = await member_view.glance(reader, cache, customer_id, now)
    items: list[RedemptionAnswer] = []
    after = None
    if found is not None:
        async with reader.transaction() as tx:
            items, after = await redemption_list.page_of(
                tx, reader.shop_id, found.customer_id, limit=limit, cursor=cursor
            )
    return tagged(Page[RedemptionAnswer](items=items, next_cursor=after), if_none_match)


@router.post("/redemptions", status_code=201, summary="Take a reward, or pay with points", responses=FIRST_HOLD)
async def redeem(
    customer_id: CustomerId, body: RedemptionBody, express: ExpressTill, settings: LoyaltySettings, response: Response
) -> RedemptionAnswer:
    """The points are held until the shop confirms or cancels, or until `expires_at`."""
    return await hold(express, customer_id, body, settings, response, create=True)


@router.get("/ways-to-earn", response_model=WaysToEarn, summary="What earns points")
async def ways_to_earn(
    customer_id: CustomerId, reader: Reader, now: Now, cache: Cache, if_none_match: IfNoneMatch = None
) -> Response:
    """The rules of the program, and whether each can still pay me."""
    return tagged(await ways.of(reader, cache, customer_id, now), if_none_match)
