"""Orders that do not count for their buyer: unpaid, canceled before they earned, of a shop that is not known yet.

Nothing leads from a person to them, so all of the shop are looked into for an erasure or an export of a person, which
are rare. An index has them alone: an order that counts when it comes, as most do, is never in it.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from comeback_kit.db import Connection
from loyalty.books import Key

# An order whose JSON has a ``\u`` is left to the reader of the row: PostgreSQL refuses a few of them as text, and one
# order must not keep somebody from being forgotten. JSON of ours has them for control characters alone.
_FIND: Final = r"""
select o.shop_id, o.order_id, b.buyer
from orders o cross join lateral (
  select case when position('\x5c75'::bytea in o.state) = 0
    then convert_from(o.state, 'UTF8')::json #>> '{customer,customer_id}' end as buyer
) b
where o.shop_id = any($1::text[]) and o.kept is null and (position('\x5c75'::bytea in o.state) > 0
  or (o.shop_id, b.buyer) in (select shop_id, customer_id from unnest($1::text[], $2::text[]) u(shop_id, customer_id)))
order by o.shop_id, o.order_id"""


class Found(NamedTuple):
    """An order, and whose it is; None where only the order itself tells."""

    shop_id: str
    order_id: str
    buyer: str | None

    def may_be_of(self, shop_id: str, names: Collection[str]) -> bool:
        """Whether it can be an order of somebody with these names."""
        return self.shop_id == shop_id and (self.buyer is None or self.buyer in names)


async def find(tx: Connection, people: Collection[Key]) -> list[Found]:
    """The orders of these people that do not count for them, without a lock. Name everybody at once."""
    if not people:
        return []
    wanted = sorted(people)
    rows = await tx.fetch(_FIND, [key[0] for key in wanted], [key[1] for key in wanted])
    return [Found(*row) for row in rows]
