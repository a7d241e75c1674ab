"""Which purchase is put down to which answer.

A product counts when it was bought within seven days after it was offered to that customer, or when the order itself
cites the answer. Of several answers the cited one holds, else the last one that was clicked, else the last one shown.
What refunds take back is taken back here too. Shops tell whole seconds: an order placed in the second of the answer was
placed after it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from comeback_kit.db import Connection
from recommendations import order_lines
from recommendations.order_store import OrderRow

WINDOW: Final = timedelta(days=7)

_NEW: Final = """
    with bought as (
      select *, case when at = date_trunc('second', at) then at + interval '999999 microseconds' else at end as upto
      from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[])
        as b(order_id, customer_id, product_id, amount, currency, at, cited)
    ), candidates as (
      select b.*, a.rec_id from bought b
      join answers a on a.shop_id = $1 and a.customer_id = b.customer_id
                    and a.at <= b.upto and a.at > b.at - $9::interval
      where b.product_id = any(a.product_ids)
      union
      select b.*, a.rec_id from bought b
      join answers a on a.shop_id = $1 and a.rec_id = b.cited and a.at <= b.upto
      where b.product_id = any(a.product_ids)
    )
    insert into attributions (shop_id, order_id, product_id, rec_id, placement_id, experiment_id, variant, via, source,
                              amount, amount_left, currency, answered_at, bought_at)
    select distinct on (c.order_id, c.product_id)
           $1, c.order_id, c.product_id, a.rec_id, a.placement_id, a.experiment_id, a.variant,
           case when a.rec_id = c.cited then 'cited' when i.at is not null then 'clicked' else 'shown' end,
           a.sources[array_position(a.product_ids, c.product_id)], c.amount, c.amount, c.currency, a.at, c.at
    from candidates c
    join answers a on a.shop_id = $1 and a.rec_id = c.rec_id
    left join interactions i on i.shop_id = $1 and i.rec_id = a.rec_id and i.product_id = c.product_id
                            and i.kind = 'clicked' and i.at <= c.upto
    order by c.order_id, c.product_id, (a.rec_id = c.cited) desc nulls last, (i.at is not null) desc, a.at desc
    on conflict (shop_id, order_id, product_id) do nothing"""

_LEFT: Final = """
    update attributions t set amount_left = coalesce(w.amount, 0), amount = greatest(t.amount, coalesce(w.amount, 0))
    from unnest($2::text[]) as o(order_id)
    left join attributions known on known.shop_id = $1 and known.order_id = o.order_id
    left join unnest($3::text[], $4::text[], $5::bigint[]) as w(order_id, product_id, amount)
      on w.order_id = known.order_id and w.product_id = known.product_id
    where t.shop_id = $1 and t.order_id = known.order_id and t.product_id = known.product_id
      and t.amount_left is distinct from coalesce(w.amount, 0)"""


async def attribute(tx: Connection, shop_id: str, orders: Mapping[str, OrderRow]) -> None:
    """Put these orders' products down to answers, and renew what is left of those put down before. Idempotent."""
    lines = [
        (order_id, row, product_id, amount)
        for order_id, row in orders.items()
        if row.placed_at is not None
        for product_id, amount in row.left.items()
    ]
    order_ids, product_ids = [line[0] for line in lines], [line[2] for line in lines]
    amounts = [line[3] for line in lines]
    await tx.execute(
        _NEW,
        shop_id,
        order_ids,
        [line[1].customer_id for line in lines],
        product_ids,
        amounts,
        [line[1].state.get("currency", "") for line in lines],
        [line[1].placed_at for line in lines],
        [order_lines.cited(line[1].state) for line in lines],
        WINDOW,
    )
    await tx.execute(_LEFT, shop_id, list(orders), order_ids, product_ids, amounts)
