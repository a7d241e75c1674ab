"""Proof of the ledger: cached counts of members and lots equal the replay of the entries (cases §H)."""

from typing import Final

from comeback_kit.db import Connection

# Lines of merged ids belong to the member they were merged into.
_LINES: Final = """
with lines as (
  select e.shop_id, coalesce(m.merged_into, e.customer_id) as customer_id, e.kind, e.debit, e.credit, e.points, e.lot_id
  from entries e join members m using (shop_id, customer_id)
)"""
_MEMBERS: Final = f"""{_LINES}, replay as (
  select shop_id, customer_id,
    sum(case when credit in ('available', 'overdrawn') then points else 0 end
      - case when debit in ('available', 'overdrawn') then points else 0 end) as balance,
    sum(case when credit = 'pending' then points else 0 end - case when debit = 'pending' then points else 0 end)
      as pending,
    sum(case when credit = 'held' then points else 0 end - case when debit = 'held' then points else 0 end) as held,
    sum(case when debit = 'owed' then points else 0 end - case when credit = 'owed' then points else 0 end) as shortfall
  from lines group by shop_id, customer_id
), stored as (
  select shop_id, customer_id, coalesce(sum(remaining) filter (where active), 0) as open,
    coalesce(sum(remaining) filter (where not active), 0) as pending, coalesce(sum(held), 0) as held,
    coalesce(sum(shortfall), 0) as shortfall, coalesce(sum(spend), 0) as spend, coalesce(sum(orders), 0) as orders
  from lots group by shop_id, customer_id
)
select m.shop_id, m.customer_id, m.balance, m.pending, m.held, m.shortfall, m.lifetime_spend, m.lifetime_orders,
  coalesce(r.balance, 0) as r_balance, coalesce(r.pending, 0) as r_pending, coalesce(r.held, 0) as r_held,
  coalesce(r.shortfall, 0) as r_shortfall, coalesce(l.open, 0) as l_open, coalesce(l.pending, 0) as l_pending,
  coalesce(l.held, 0) as l_held, coalesce(l.shortfall, 0) as l_shortfall, coalesce(l.spend, 0) as l_spend,
  coalesce(l.orders, 0) as l_orders
from members m left join replay r using (shop_id, customer_id) left join stored l using (shop_id, customer_id)
where m.balance <> coalesce(r.balance, 0) or m.pending <> coalesce(r.pending, 0) or m.held <> coalesce(r.held, 0)
  or m.shortfall <> coalesce(r.shortfall, 0) or m.pending <> coalesce(l.pending, 0) or m.held <> coalesce(l.held, 0)
  or m.shortfall <> coalesce(l.shortfall, 0) or greatest(m.balance, 0) <> coalesce(l.open, 0)
  or m.lifetime_spend <> coalesce(l.spend, 0) or m.lifetime_orders <> coalesce(l.orders, 0)
  or m.pending < 0 or m.held < 0 or m.shortfall < 0"""
_LIFETIME: Final = f"""{_LINES}, replay as (
  select n.shop_id, n.customer_id,
    sum(case
      when n.kind = 'clawed_back' and n.debit in ('available', 'overdrawn') and n.credit = 'issued' then -n.points
      when n.kind = 'earned' and n.debit = 'issued' and n.credit = 'available' then n.points
      when n.kind = 'pending_activated' and n.debit = 'pending' and l.scored then n.points else 0 end) as lifetime
  from lines n left join lots l using (shop_id, customer_id, lot_id) group by n.shop_id, n.customer_id
)
select m.shop_id, m.customer_id, m.lifetime_earned, coalesce(r.lifetime, 0) as replayed
from members m left join replay r using (shop_id, customer_id)
where m.lifetime_earned <> coalesce(r.lifetime, 0)"""
_LOTS: Final = f"""{_LINES}, replay as (
  select shop_id, customer_id, lot_id,
    sum(case when credit in ('available', 'pending') then points else 0 end
      - case when debit in ('available', 'pending') then points else 0 end) as remaining,
    sum(case when credit = 'held' then points else 0 end - case when debit = 'held' then points else 0 end) as held,
    sum(case when debit in ('issued', 'transit') and credit in ('available', 'pending') then points else 0 end)
      as earned,
    sum(case when credit = 'expired' then points else 0 end - case when debit = 'expired' then points else 0 end)
      as expired,
    sum(case when debit = 'owed' then points else 0 end - case when credit = 'owed' then points else 0 end) as shortfall
  from lines where lot_id is not null group by shop_id, customer_id, lot_id
)
select l.shop_id, l.customer_id, l.lot_id, l.remaining, l.held, l.earned, l.expired, l.shortfall,
  coalesce(r.remaining, 0) as r_remaining, coalesce(r.held, 0) as r_held, coalesce(r.earned, 0) as r_earned,
  coalesce(r.expired, 0) as r_expired, coalesce(r.shortfall, 0) as r_shortfall
from lots l left join replay r using (shop_id, customer_id, lot_id)
where l.remaining <> coalesce(r.remaining, 0) or l.held <> coalesce(r.held, 0) or l.earned <> coalesce(r.earned, 0)
  or l.expired <> coalesce(r.expired, 0) or l.shortfall <> coalesce(r.shortfall, 0)
  or l.clawed > l.earned or l.shortfall > greatest(0, l.earned - l.clawed - l.expired)"""
# An order's row says what its last settlement came to. Whatever of its shortfall ran out since is in the lot alone.
_ORDERS: Final = f"""{_LINES}, forgiven as (
  select shop_id, lot_id, sum(points) as points from lines
  where kind = 'expired' and credit = 'owed' group by shop_id, lot_id
)
select o.shop_id, o.order_id, o.settled, l.earned - l.clawed - l.shortfall as booked
from orders o
join members m on m.shop_id = o.shop_id and m.customer_id = o.customer_id
left join lots l on l.shop_id = o.shop_id and l.customer_id = coalesce(m.merged_into, o.customer_id)
  and l.lot_id = 'order:' || o.order_id
left join forgiven f on f.shop_id = l.shop_id and f.lot_id = l.lot_id
where o.kept is not null and (l.lot_id is null
  or o.settled not between l.earned - l.clawed - l.shortfall - coalesce(f.points, 0)
    and l.earned - l.clawed - l.shortfall)"""
_HOLDS: Final = """
select m.shop_id, m.customer_id, m.held, coalesce(sum(r.points), 0) as in_redemptions
from members m left join redemptions r
  on r.shop_id = m.shop_id and r.customer_id = m.customer_id and r.state = 'held'
group by m.shop_id, m.customer_id, m.held having m.held <> coalesce(sum(r.points), 0)"""
_CHECKS: Final = {"member": _MEMBERS, "lifetime": _LIFETIME, "lot": _LOTS, "order": _ORDERS, "hold": _HOLDS}


async def verify_ledger(tx: Connection) -> list[str]:
    """Every difference between what is cached and what the ledger says; empty when all is sound.

    Sums over all accounts are zero by construction: a line moves points from one account to another.
    """
    found = []
    for name, statement in _CHECKS.items():
        rows = await tx.fetch(statement)
        found += [f"{name}: " + ", ".join(f"{key}={value}" for key, value in row.items()) for row in rows]
    return found
