"""What finance asks: what points are owed, by expiry and tier, now or at a past instant; and what moved per month."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from comeback_kit.db import Connection
from loyalty.redemption_rules import value_of
from loyalty.schemas.reports import LiabilityAnswer, LiabilityPart, MonthRow
from loyalty.shop import Shop

_NOW: Final = """
select month, tier, sum(points)::bigint as points from (
  select to_char((l.expires_at - interval '1 second') at time zone $2, 'YYYY-MM') as month, m.tier_id as tier,
    (case when l.active then l.remaining else 0 end) + l.held as points
  from lots l join members m using (shop_id, customer_id)
  where l.shop_id = $1 and (l.remaining > 0 or l.held > 0)
  union all
  select null, tier_id, balance from members where shop_id = $1 and balance < 0
) parts group by month, tier having sum(points) <> 0 order by month nulls last, tier nulls first"""
# An id that was merged was its own member until then: the merge is the last line that it has in ``tier_changes``.
# Lots keep only their present end. What the lines up to then say is earlier where activity has moved it since: the
# latest end that points of the same lot, or those that the same member earned under the same program, were given.
_THEN: Final = """
with gone as (
  select m.customer_id, m.merged_into from members m
  where m.shop_id = $1 and m.merged_into is not null and coalesce((
    select max(t.at) from tier_changes t where t.shop_id = $1 and t.customer_id = m.customer_id), '-infinity') <= $3
), moved as (
  select coalesce(g.merged_into, e.customer_id) as owner, coalesce(m.merged_into, e.customer_id) as customer_id,
    e.lot_id, e.kind, e.debit, e.credit, e.points, e.expires_at
  from entries e join members m using (shop_id, customer_id) left join gone g using (customer_id)
  where e.shop_id = $1 and e.created_at <= $3
), lots_then as (
  select owner, customer_id, case when account = 'overdrawn' then null else lot_id end as lot_id,
    sum(change) as points, max(expires_at) as ends
  from moved cross join lateral (values (credit, points), (debit, -points)) sides(account, change)
  where account in ('available', 'held', 'overdrawn') group by 1, 2, 3
), earned_then as (
  select e.owner, l.program_version, max(e.expires_at) as ends
  from moved e join lots l on l.shop_id = $1 and l.customer_id = e.customer_id and l.lot_id = e.lot_id
  where e.kind in ('earned', 'pending_added') and e.expires_at is not null group by 1, 2
), tiers_then as (
  select distinct on (customer_id) customer_id, tier_id from tier_changes
  where shop_id = $1 and at <= $3 order by customer_id, at desc, place desc
)
select to_char((case when l.expires_at is not null then least(l.expires_at, greatest(p.ends, e.ends)) end
    - interval '1 second') at time zone $2, 'YYYY-MM') as month, t.tier_id as tier, sum(p.points)::bigint as points
from lots_then p
left join lots l on l.shop_id = $1 and l.customer_id = p.customer_id and l.lot_id = p.lot_id
left join earned_then e on e.owner = p.owner and e.program_version = l.program_version
left join tiers_then t on t.customer_id = p.owner
group by 1, 2 having sum(p.points) <> 0 order by month nulls last, tier nulls first"""
_LEFT: Final = """
select coalesce(sum(points) filter (where credit = 'expired'), 0)::bigint
    - coalesce(sum(points) filter (where debit = 'expired'), 0)::bigint as expired,
  coalesce(sum(points) filter (where credit = 'spent'), 0)::bigint
    - coalesce(sum(points) filter (where debit = 'spent'), 0)::bigint as spent
from entries where shop_id = $1 and created_at <= $2"""
_MONTHS: Final = """
select to_char(created_at at time zone $2, 'YYYY-MM') as month,
  coalesce(sum(points) filter (where debit = 'issued' and credit <> 'owed'
    and kind in ('earned', 'pending_added')), 0)::bigint as earned,
  coalesce(sum(points) filter (where credit = 'issued' and debit <> 'owed'
    and kind in ('clawed_back', 'pending_cancelled')), 0)::bigint as clawed_back,
  coalesce(sum(points) filter (where kind = 'spent'), 0)::bigint as spent,
  coalesce(sum(points) filter (where kind = 'returned' and debit = 'spent'), 0)::bigint as returned,
  coalesce(sum(case when credit = 'expired' then points when debit = 'expired' then -points else 0 end)
    filter (where kind = 'expired'), 0)::bigint as expired,
  coalesce(sum(case when debit = 'issued' then points when credit = 'issued' then -points else 0 end)
    filter (where kind = 'adjusted'), 0)::bigint as adjusted
from entries
where shop_id = $1 and ($3::timestamptz is null or created_at >= $3) and ($4::timestamptz is null or created_at < $4)
group by 1 order by 1 desc"""


async def liability(tx: Connection, shop: Shop, at: datetime, *, past: bool) -> LiabilityAnswer:
    """Points that members can spend or hold, by the month they expire in and the tier of their members.

    ``past`` replays the ledger up to ``at``; otherwise it is what is there now. Pending points are not owed yet.
    ``expected_breakage`` is the share of what has left so far that expired unused, of the points that are there.
    """
    if past:
        rows: Sequence[asyncpg.Record] = await tx.fetch(_THEN, shop.shop_id, shop.time_zone, at)
    else:
        rows = await tx.fetch(_NOW, shop.shop_id, shop.time_zone)
    points = sum(row["points"] for row in rows)
    left = await tx.fetchrow(_LEFT, shop.shop_id, at)
    assert left is not None  # noqa: S101  # sums always answer a row
    gone = left["expired"] + left["spent"]
    document = shop.program(shop.version_at(at)).document
    return LiabilityAnswer(
        at=at,
        currency=shop.currency,
        points=points,
        value=value_of(document, points, (1, 1)),
        expected_breakage=max(0, points) * left["expired"] // gone if gone else 0,
        by=[
            LiabilityPart(
                month=row["month"],
                tier=row["tier"],
                points=row["points"],
                value=value_of(document, row["points"], (1, 1)),
            )
            for row in rows
        ],
    )


async def months(tx: Connection, shop: Shop, since: datetime | None, until: datetime | None) -> list[MonthRow]:
    """What was earned and burned per month of the shop's zone, newest first."""
    return [MonthRow(**row) for row in await tx.fetch(_MONTHS, shop.shop_id, shop.time_zone, since, until)]
