"""All members of a shop, page by page."""

from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import cursors
from loyalty.schemas.members import MemberRow

_PAGE: Final = """
select customer_id, balance, pending, held, shortfall, lifetime_earned, tier_id, created_at, updated_at
from members
where shop_id = $1 and merged_into is null and erased_at is null
  and ($2::text is null or tier_id = $2) and ($3::timestamptz is null or updated_at >= $3)
  and ($4::timestamptz is null or (created_at, customer_id) < ($4, $5))
order by created_at desc, customer_id desc limit $6"""


async def page(
    tx: Connection, shop_id: str, *, tier: str | None, updated_since: datetime | None, limit: int, cursor: str | None
) -> tuple[list[MemberRow], str | None]:
    """One page, newest members first."""
    before, after = cursors.instant_and_id(cursor)
    rows = await tx.fetch(_PAGE, shop_id, tier, updated_since, before, after, limit + 1)
    items = [MemberRow(**row) for row in rows[:limit]]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(items[-1].created_at.isoformat(), items[-1].customer_id)
