"""What a batch of customers' events locks, all of it before anything is done: orders, then members (``members``).

Between the look at the orders and the lock of the members an order may change hands. Where a merge or an erasure then
finds one that is not locked yet, it takes it only if nobody has it, else the batch is tried again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from comeback_kit.events import Event
from loyalty import members, orders, uncounted
from loyalty.books import Key
from loyalty.columns import CURRENT
from loyalty.uncounted import Found
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

_NAMES: Final = f"""
with u as (select * from unnest($1::text[], $2::text[]) u(shop_id, customer_id)), accounts as materialized (
  select asked.shop_id, {CURRENT} as customer_id from u join members asked using (shop_id, customer_id)
)
select shop_id, customer_id from u
union select shop_id, customer_id from accounts
union select n.shop_id, n.customer_id from accounts a
  join members n on n.shop_id = a.shop_id and n.merged_into = a.customer_id"""


async def lock(tx: Connection, events: Sequence[Event], now: datetime) -> Sequence[Found]:
    """Lock what merges and erasures of the batch change, with everybody else that the batch is about.

    A batch of neither locks its members itself, when it reads them. Answers the orders that never earned of those who
    may be erased, locked as well.
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
        return ()
    keys = [list(column) for column in zip(*ended, strict=True)]
    found = await tx.fetch(_ORDERS, *keys, list(ended.values()))
    never_earned = await _never_earned(tx, ended) if any(ended.values()) else []
    await orders.lock(
        tx,
        [*[(row["shop_id"], row["order_id"]) for row in found], *[(one.shop_id, one.order_id) for one in never_earned]],
    )
    told = {(one.shopid, one.view(CustomerUpdated).customer_id) for one in events if one.type in UPDATES}
    await members.lock(tx, ended.keys() | told, now, create=True)
    return never_earned


async def _never_earned(tx: Connection, people: Collection[Key]) -> Sequence[Found]:
    """Under all names, of those who are merged in the same batch, too: they may be one by when somebody is erased."""
    names = await tx.fetch(_NAMES, *[list(column) for column in zip(*people, strict=True)])
    return await uncounted.find(tx, [tuple(row) for row in names])
