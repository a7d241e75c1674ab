"""What a batch of customers' events locks, all of it before anything is done: orders, then members (``members``).

Between the look at the orders and the lock of the members an order may change hands. Where a merge or an erasure then
finds one that is not locked yet, it takes it only if nobody has it, else the batch is tried again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.events import Event
from loyalty import members, orders
from loyalty.books import Key
from loyalty.columns import CURRENT
from loyalty.views import CustomerErased, CustomerMerged, CustomerUpdated

UPDATES: Final = ("customer.registered", "customer.updated")
"""The types of events that say something of a person."""

# Two of these people have a lot of it, so a merge may correct it; or it is of somebody who is to be forgotten.
_ORDERS: Final = f"""
with accounts as materialized (
  select asked.shop_id, {CURRENT} as customer_id, bool_or(u.is_erased) as is_erased
  from unnest($1::text[], $2::text[], $3::bool[]) u(shop_id, customer_id, is_erased)
  join members asked using (shop_id, customer_id) group by 1, 2
)
select l.shop_id, l.order_id from accounts a join lots l using (shop_id, customer_id)
where l.order_id is not null group by l.shop_id, l.order_id having count(*) > 1 or bool_or(a.is_erased)"""


async def lock(tx: Connection, events: Sequence[Event], now: datetime) -> None:
    """Lock what merges and erasures of the batch change, with everybody else that the batch is about.

    A batch of neither locks its members itself, when it reads them.
    """
    ended: dict[Key, bool] = {}
    for one in events:
        if one.type == "customer.merged":
            view = one.view(CustomerMerged)
            for name in (view.from_, view.into):
                ended.setdefault((one.shopid, name), False)
        elif one.type == "customer.erased":
            ended[one.shopid, one.view(CustomerErased).customer_id] = True
    if not ended:
        return
    keys = [list(column) for column in zip(*ended, strict=True)]
    found = await tx.fetch(_ORDERS, *keys, list(ended.values()))
    await orders.lock(tx, [(row["shop_id"], row["order_id"]) for row in found])
    told = {(one.shopid, one.view(CustomerUpdated).customer_id) for one in events if one.type in UPDATES}
    await members.lock(tx, ended.keys() | told, now, create=True)
