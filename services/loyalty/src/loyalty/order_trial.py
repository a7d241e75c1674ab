"""The newest orders, evaluated under another program as if it had been in force when they came."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from comeback_kit.db import Connection
from loyalty.columns import CURRENT
from loyalty.orders import OrderRow
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.evaluation import evaluate
from loyalty.rules.facts import fix
from loyalty.rules.kept import Facts, Used
from loyalty.shop import Shop
from loyalty.tiers_rules import first_level

_COLUMNS: Final = """o.shop_id, o.order_id, o.revision, o.state, o.customer_id, o.program_version, o.kept, o.usage,
  o.settled, o.amount, o.waiting, o.former"""
_NEWEST: Final = f"""
select {_COLUMNS} from orders o
where o.shop_id = $1 and o.placed_at is not null and ($2::timestamptz is null or o.placed_at >= $2)
order by o.placed_at desc, o.order_id desc limit $3"""
_SPAN: Final = (
    "select min(placed_at) as first, max(placed_at) as last, count(*) as count from orders where shop_id = $1"
)
_MEMBERS: Final = f"""
select u.customer_id, m.customer_id as account, m.tier_id, p.tags, f.order_id as first_order
from unnest($2::text[]) u(customer_id)
join members asked on asked.shop_id = $1 and asked.customer_id = u.customer_id
join members m on m.shop_id = $1 and m.customer_id = {CURRENT}
left join profiles p on p.shop_id = $1 and p.customer_id = m.customer_id
left join lateral (
  select l.order_id from lots l where l.shop_id = $1 and l.customer_id = m.customer_id and l.order_id is not null
  order by l.earned_at, l.lot_id limit 1) f on true"""


class Trial(NamedTuple):
    """What an order earned, and what it would have; of which buyer, and which member the buyer is."""

    order_id: str
    customer_id: str | None
    account: str | None
    before: int
    after: int


class _Member(NamedTuple):
    account: str | None
    tier: str | None
    tags: tuple[str, ...]
    first_order: str | None


async def newest(tx: Connection, shop: Shop, program: CompiledProgram, most: int) -> list[Trial]:
    """The trials of the newest orders, in the order in which they were placed.

    Limits and caps start empty with the first of them; who is who, tier and tags are as they are now.
    """
    orders = [OrderRow.read(row) for row in await tx.fetch(_NEWEST, shop.shop_id, await _since(tx, shop, most), most)]
    orders.reverse()
    members = await _members(tx, shop, orders)
    used: dict[str, dict[str, Used]] = defaultdict(dict)
    return [_try(program, order, members, used) for order in orders]


async def _since(tx: Connection, shop: Shop, most: int) -> datetime | None:
    """An instant after which there are more than enough orders, so that the others are not looked at."""
    span = await tx.fetchrow(_SPAN, shop.shop_id)
    if span is None or span["count"] <= 4 * most:
        return None
    first, last = span["first"], span["last"]
    since: datetime = last - (last - first) * (4 * most / span["count"])
    enough = await tx.fetchval(
        "select count(*) from orders where shop_id = $1 and placed_at >= $2", shop.shop_id, since
    )
    return since if enough >= most else None


def _try(
    program: CompiledProgram, order: OrderRow, members: dict[str, _Member], used: dict[str, dict[str, Used]]
) -> Trial:
    assert order.known is not None  # noqa: S101  # read from its row
    buyer = order.buyer
    member = members.get(buyer or "", _Member(buyer, None, (), order.order_id))
    mine = used[member.account or ""]
    first = first_level(program.tiers)
    facts = Facts(
        tier=member.tier or (None if first is None else first.id),
        first_purchase=member.first_order in (order.order_id, None),
        tags=member.tags,
        used=mine,
    )
    found = evaluate(program, order.known.view, fix(program, order.known.view, facts))
    for key, (times, points) in found.usage.items():
        before = mine.get(key, (0, 0))
        mine[key] = (before[0] + times, before[1] + points)
    return Trial(order.order_id, buyer, member.account, order.settled, found.points)


async def _members(tx: Connection, shop: Shop, orders: Sequence[OrderRow]) -> dict[str, _Member]:
    names = sorted({order.buyer for order in orders if order.buyer is not None})
    rows = await tx.fetch(_MEMBERS, shop.shop_id, names)
    return {
        row["customer_id"]: _Member(row["account"], row["tier_id"], tuple(row["tags"] or ()), row["first_order"])
        for row in rows
    }
