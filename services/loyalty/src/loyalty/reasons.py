"""What people of the shop wrote about somebody who was erased: the reasons of adjustments, in ledger and audit trail.

A reason becomes the word ``erased``, so that readers see that there was one; points, dates and who posted them stay.
Nothing else of either table can be changed (migration 0005). Ids stay, too: they mean nobody any more. Only what others
see of a transfer (``from:…``, ``to:…``) no longer says who it was with.
"""

from collections.abc import Collection
from typing import Final

from comeback_kit.db import Connection
from loyalty.books import Key

# Whoever acts by hand is named (``actor``): all other reasons are our own words. Of two people who passed points to
# each other both may be erased at once, so the lines are locked in one order.
_ENTRIES: Final = """
with own as (
  select customer_id, seq, line, reason from entries
  where shop_id = $1 and customer_id = any($2::text[]) and actor is not null and reason <> 'erased'
), others as (
  select distinct substr(reason, strpos(reason, ':') + 1) as customer_id from own where reason ~ '^(to|from):'
), theirs as (
  select e.customer_id, e.seq, e.line
  from others join entries e on e.shop_id = $1 and e.customer_id = others.customer_id
  where e.actor is not null and e.reason = any($3::text[])
), locked as (
  select e.customer_id, e.seq, e.line
  from (select customer_id, seq, line from own union select * from theirs) u
  join entries e on e.shop_id = $1 and e.customer_id = u.customer_id and e.seq = u.seq and e.line = u.line
  order by e.customer_id, e.seq, e.line for update of e
)
update entries e set reason = 'erased' from locked l
where e.shop_id = $1 and e.customer_id = l.customer_id and e.seq = l.seq and e.line = l.line"""
_AUDIT: Final = """
update audit set detail = jsonb_set(detail, '{reason}', '"erased"', false)
where shop_id = $1 and target = any($2::text[]) and action = 'points.adjusted'"""


async def forget(tx: Connection, people: Collection[Key]) -> None:
    """Blank what was written about locked members under these names: once in a transaction, so that one order holds."""
    for shop_id in sorted({shop_id for shop_id, _ in people}):
        names = sorted(name for shop, name in people if shop == shop_id)
        passed = [f"{way}:{name}" for name in names for way in ("to", "from")]
        await tx.execute(_ENTRIES, shop_id, names, passed)
        await tx.execute(_AUDIT, shop_id, names)
