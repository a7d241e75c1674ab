"""The lots of two members who are one now. An order that went from one to the other has left a lot with both."""

from typing import Final

from comeback_kit.db import Connection
from loyalty import lot_care, members, orders
from loyalty.books import Book
from loyalty.desk import Desk

# Which lot says what, when points can be spent and until when: of an order the one in which points are, else that of
# the order's present buyer. What is no order's (a birthday, an activity) was one deed of one person: they have from the
# earlier of both beginnings until the later of both ends.
_TAKEN: Final = {
    "program_version": "is_theirs",
    "earned_at": "is_theirs",
    "available_at": "begins_theirs",
    "warned": "ends_theirs",
    "expires_at": "ends_theirs",
}
_SHARED: Final = """
select x.lot_id, x.order_id
from lots x join lots y on y.shop_id = x.shop_id and y.customer_id = $3 and y.lot_id = x.lot_id
where x.shop_id = $1 and x.customer_id = $2 order by x.lot_id"""
_JOIN: Final = f"""
with points as (
  select y.lot_id, y.order_id is null as is_deed,
    x.available_at is not null and (y.available_at is null or x.available_at < y.available_at) as begins_earlier,
    y.expires_at is not null and (x.expires_at is null or x.expires_at > y.expires_at) as ends_later, case
    when (x.remaining > 0 or x.held > 0) <> (y.remaining > 0 or y.held > 0) then x.remaining > 0 or x.held > 0
    else coalesce(b.merged_into, b.customer_id) is not distinct from x.customer_id end as is_theirs
  from lots x join lots y on y.shop_id = x.shop_id and y.customer_id = $3 and y.lot_id = x.lot_id
    left join orders o on o.shop_id = x.shop_id and o.order_id = x.order_id
    left join members b on b.shop_id = o.shop_id and b.customer_id = o.customer_id
  where x.shop_id = $1 and x.customer_id = $2
), same as (
  select lot_id, is_theirs, case when is_deed then begins_earlier else is_theirs end as begins_theirs,
    case when is_deed then ends_later else is_theirs end as ends_theirs from points
), theirs as (
  delete from lots x using same where x.shop_id = $1 and x.customer_id = $2 and x.lot_id = same.lot_id returning x.*
), joined as (
  update lots y set earned = y.earned + x.earned, clawed = y.clawed + x.clawed, shortfall = y.shortfall + x.shortfall,
    remaining = y.remaining + x.remaining, held = y.held + x.held, expired = y.expired + x.expired,
    spend = y.spend + x.spend, orders = y.orders + x.orders, active = y.active or x.active,
    {", ".join(f"{name} = case when same.{whose} then x.{name} else y.{name} end" for name, whose in _TAKEN.items())}
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
                if lot.available_at is None or lot.available_at > desk.now:
                    lot.available_at = desk.now  # by which tiers count its points: not later than they can be spent
                lot_care.activate(desk.ledger, desk.notices, desk.shop, book, lot)
    return shared


async def join(tx: Connection, gone: Book, stays: Book) -> None:
    """Add the lots that both have of one order; the order is worth what is booked in them."""
    await tx.execute(_JOIN, gone.shop_id, gone.customer_id, stays.customer_id)


async def look_after(tx: Connection, desk: Desk, stays: Book, lot_ids: list[str]) -> None:
    """Do what the joined lots ask for now that there is one of each."""
    await members.read_lots(tx, [stays], {stays.key: lot_ids})
    for lot in [stays.lots[lot_id] for lot_id in lot_ids]:
        if not lot.active and lot.available_at is not None:
            stays.due_by(lot.available_at)
            if lot.available_at <= desk.now:
                lot_care.activate(desk.ledger, desk.notices, desk.shop, stays, lot)
    lot_care.came_back(desk.ledger, desk.notices, desk.shop, stays, lot_ids)
