"""The changes of shops, read in the order of their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comeback_kit.db import Connection

# One statement sees one snapshot: a shop's last number and every row up to it.
_SINCE = """
    select w.shop_id, coalesce(s.last_seq, 0) as last_seq, c.*
    from unnest($1::text[], $2::bigint[]) as w(shop_id, seq)
    left join changes s on s.shop_id = w.shop_id
    left join lateral (
      (select o.seq, 'order' as kind, o.order_id as id, o.customer_id, o.product_ids,
              extract(epoch from o.placed_at)::float8 as at, null::jsonb as document
       from orders o where o.shop_id = w.shop_id and o.seq > w.seq order by o.seq limit $3)
      union all
      (select p.seq, 'product', p.product_id, null, null, null, jsonb_build_array(p.fields, p.deleted_at)
       from products p where p.shop_id = w.shop_id and p.seq > w.seq order by p.seq limit $3)
      union all
      (select l.seq, 'placement', l.placement_id, null, null, null, l.document
       from placements l where l.shop_id = w.shop_id and l.seq > w.seq order by l.seq limit $3)
      order by seq limit $3
    ) c on true
    where s.last_seq > w.seq
    order by w.shop_id, c.seq"""


@dataclass(slots=True)
class Page:
    """Some changes of one shop; ``upto``: every number up to it has been read."""

    upto: int
    rows: list[Any] = field(default_factory=list)
    more: bool = False


async def since(tx: Connection, cursors: Mapping[str, int], limit: int) -> dict[str, Page]:
    """What changed after each shop's number: ``seq kind id customer_id product_ids at document``. Shops without any
    change are absent; a page has at most ``limit`` rows.
    """
    pages: dict[str, Page] = {}
    for row in await tx.fetch(_SINCE, list(cursors), list(cursors.values()), limit):
        page = pages.setdefault(row["shop_id"], Page(upto=row["last_seq"]))
        if row["seq"] is not None:
            page.rows.append(row)
    for page in pages.values():
        if len(page.rows) == limit:
            page.upto, page.more = page.rows[-1]["seq"], True
    return pages


async def behind(tx: Connection, cursors: Mapping[str, int]) -> int:
    """How many numbers all these shops together are behind their sequences."""
    return int(
        await tx.fetchval(
            """select coalesce(sum(c.last_seq - w.seq), 0)::bigint from changes c
               join unnest($1::text[], $2::bigint[]) as w(shop_id, seq) on c.shop_id = w.shop_id
               where c.last_seq > w.seq""",
            list(cursors),
            list(cursors.values()),
        )
    )


async def shops(tx: Connection) -> list[str]:
    """Every shop that has changes, the largest first."""
    rows = await tx.fetch("select shop_id from changes where last_seq > 0 order by last_seq desc")
    return [row["shop_id"] for row in rows]
