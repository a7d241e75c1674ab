"""What recommendations brought: per placement, per arm of an experiment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection

_TOTALS: Final = """
    with given as (
      select a.rec_id, a.placement_id, a.experiment_id, a.variant, a.customer_id, cardinality(a.product_ids) as items
      from answers a
      where a.shop_id = $1 and a.at >= $2 and a.at < $3 and ($4::text is null or a.placement_id = $4)
    ), touched as (
      select i.rec_id, count(*) filter (where i.kind = 'shown') as shown,
             count(*) filter (where i.kind = 'clicked') as clicked
      from interactions i join given g on i.rec_id = g.rec_id where i.shop_id = $1 group by i.rec_id
    ), bought as (
      select t.rec_id, count(*) as items from attributions t join given g on t.rec_id = g.rec_id
      where t.shop_id = $1 and t.answered_at >= $2 and t.answered_at < $3 group by t.rec_id
    )
    select g.placement_id, g.experiment_id, g.variant,
           count(*) as answers, sum(g.items)::bigint as items_offered,
           coalesce(sum(t.shown), 0)::bigint as items_shown, coalesce(sum(t.clicked), 0)::bigint as items_clicked,
           count(*) filter (where t.clicked > 0) as answers_clicked,
           count(b.rec_id) as answers_bought, coalesce(sum(b.items), 0)::bigint as items_bought,
           count(distinct g.customer_id) as customers,
           count(distinct g.customer_id) filter (where b.rec_id is not null) as customers_bought
    from given g left join touched t using (rec_id) left join bought b using (rec_id)
    group by 1, 2, 3 order by 1 nulls last, 2 nulls first, 3 nulls first"""

_REVENUE: Final = """
    select t.placement_id, t.experiment_id, t.variant, t.currency, count(distinct t.order_id) as orders,
           sum(t.amount)::bigint as revenue, sum(t.amount - t.amount_left)::bigint as taken_back,
           count(*) filter (where t.amount_left = 0 and t.amount > 0) as items_taken_back
    from attributions t
    where t.shop_id = $1 and t.answered_at >= $2 and t.answered_at < $3 and ($4::text is null or t.placement_id = $4)
    group by 1, 2, 3, 4 order by 4"""


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``of``, with a 95 % interval (Wilson)."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.count, self.of) if self.of else None


def wilson(count: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share; right also for small numbers and shares near 0 or 1."""
    share = count / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def difference(a: Share, b: Share) -> tuple[float, float, float] | None:
    """How much more of ``b`` than of ``a``, with its 95 % interval (Newcombe's, from the two Wilson intervals)."""
    if a.value is None or b.value is None or a.interval is None or b.interval is None:
        return None
    change = b.value - a.value
    low = change - math.hypot(b.value - b.interval[0], a.interval[1] - a.value)
    high = change + math.hypot(b.interval[1] - b.value, a.value - a.interval[0])
    return change, low, high


async def totals(
    tx: Connection, shop_id: str, since: datetime, until: datetime, placement_id: str | None
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Counts of answers given in a time, and the money put down to them, each by placement, experiment and arm."""
    counts = await tx.fetch(_TOTALS, shop_id, since, until, placement_id)
    money = await tx.fetch(_REVENUE, shop_id, since, until, placement_id)
    return counts, money
