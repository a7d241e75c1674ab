"""A member's redemptions, page by page."""

from typing import Final

from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import cursors
from loyalty.columns import CURRENT
from loyalty.errors import MemberUnknown
from loyalty.redemption_rows import Redemption, read_row
from loyalty.schemas.rewards import RedemptionAnswer

_MEMBER: Final = f"""
select m.customer_id from members asked join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
where asked.shop_id = $1 and asked.customer_id = $2 and m.erased_at is null"""
_PAGE: Final = """
select r.shop_id, r.redemption_id, r.customer_id, r.reward_id, r.order_id, r.state, r.asked, r.points, r.spent,
  r.returned, r.value, r.currency, r.code, r.takes, r.source, r.created_at, r.expires_at, r.resolved_at
from redemptions r
where shop_id = $1 and customer_id = $2 and ($3::timestamptz is null or (created_at, redemption_id) < ($3, $4))
order by created_at desc, redemption_id desc limit $5"""


async def page(
    tx: Connection, shop_id: str, customer_id: str, *, limit: int, cursor: str | None
) -> tuple[list[RedemptionAnswer], str | None]:
    """One page, newest first. Raises ``MemberUnknown`` (404)."""
    member = await tx.fetchval(_MEMBER, shop_id, customer_id)
    if member is None:
        raise MemberUnknown
    return await page_of(tx, shop_id, member, limit=limit, cursor=cursor)


async def page_of(
    tx: Connection, shop_id: str, member: str, *, limit: int, cursor: str | None
) -> tuple[list[RedemptionAnswer], str | None]:
    """The same for the id of a member who is known."""
    before, after = cursors.instant_and_id(cursor)
    rows = await tx.fetch(_PAGE, shop_id, member, before, after, limit + 1)
    items = [answer(read_row(row)) for row in rows[:limit]]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(items[-1].created_at.isoformat(), items[-1].redemption_id)


def answer(one: Redemption) -> RedemptionAnswer:
    """A redemption as the API shows it."""
    return RedemptionAnswer(
        redemption_id=one.redemption_id,
        customer_id=one.customer_id,
        reward_id=one.reward_id,
        order_id=one.order_id,
        state=one.state,
        points=one.points,
        returned_points=one.returned,
        value=one.value,
        currency=one.currency,
        code=one.code,
        created_at=one.created_at,
        expires_at=one.expires_at,
        resolved_at=one.resolved_at,
    )
