"""The lots of two members who are one now. An order that went from one to the other has left a lot with both."""

from typing import Final

from comeback_kit.db import Connection
from loyalty import lot_care, members, orders
from loyalty.books import Book
from loyalty.desk import Desk

# What says when points can be spent and until when: of the lot in which points are, else of the order's present buyer.
_TAKEN: Final = ("program_version", "warned", "earned_at", "available_at", "expires_at")
_SHARED: Final = """
select x.lot_id, x.order_id
from lots x join lots y on y.shop_id = x.shop_id and y.customer_id = $3 and y.lot_id = x.lot_id
where x.shop_id = $1 and x.customer_id = $2 order by x.lot_id"""
_JOIN: Final = f"""
with same as (
  select y.lot_id, case
    when (x.remaining > 0 or x.held > 0) <> (y.remaining > 0 or y.held > 0) then x.remaining > 0 or x.held > 0
    else coalesce(b.merged_into, b.customer_id) is not distinct from x.customer_id end as is_theirs
  from lots x join lots y on y.shop_id = x.shop_id and y.customer_id = $3 and y.lot_id = x.lot_id
    left join orders o on o.shop_id = x.shop_id and o.order_id = x.order_id
    left join members b on b.shop_id = o.shop_id and b.customer_id = o.customer_id
  where x.shop_id = $1 and x.customer_id = $2
), theirs as (
  delete from lots x using same where x.shop_id = $1 and x.customer_id = $2 and x.lot_id = same.lot_id returning x.*
), joined as (
  update lots y set earned = y.earned + x.earned, clawed = y.clawed + x.clawed, shortfall = y.shortfall + x.shortfall,
    remaining = y.remaining + x.remaining, held = y.held + x.held, expired = y.expired + x.expired,
    spend = y.spend + x.spend, orders = y.orders + x.orders, active = y.active or x.active,
    {", ".join(f"{name} = case when same.is_theirs then x.{name} else y.{name} end" for name in _TAKEN)}
  from theirs x join same using (lot_id) where y.shop_id = $1 and y.customer_id = $3 and y.lot_id = x.lot_id
  returning y.shop_id, y.order_id, y.earned - y.clawed - y.shortfall as settled
)
update orders o set settled = joined.settled, revision = o.revision + 1
from joined, members b
where o.shop_id = joined.shop_id and o.order_id = joined.order_id and o.settled <> joined.settled
  and b.shop_id = o.shop_id and b.customer_id = o.customer_id and coalesce(b.merged_into, b.customer_id) in ($2, $3)"""


async def make_alike(tx: Connection, desk: Desk, gone: Book, stays: Book) -> list[str]:
    """Where both have a lot of one order, and only one's points can be spent, let the other's: it becomes one lot.

    What was spent or is held of the one may come back at any time, as points that can be spent. Answers the ids.
    """
    found = await tx.fetch(_SHARED, gone.shop_id, gone.customer_id, stays.customer_id)
    shared: list[str] = [row["lot_id"] for row in found]
    if shared:
        named = [(gone.shop_id, row["order_id"]) for row in found if row["order_id"] is not None]
        await orders.lock(tx, named, waiting=False)
        await members.read_lots(tx, [gone, stays], {gone.key: shared, stays.key: shared})
    for lot_id in shared:
        for book, other in ((gone, stays), (stays, gone)):
            lot = book.lots[lot_id]
            if other.lots[lot_id].active and not lot.active:
                lot_care.activate(desk.ledger, desk.notices, desk.shop, book, lot)
    return shared


async def join(tx: Connection, gone: Book, stays: Book) -> None:
    """Add the lots that both have of one order; the order is worth what is booked in them."""
    await tx.execute(_JOIN, gone.shop_id, gone.customer_id, stays.customer_id)
