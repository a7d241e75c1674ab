"""Redemptions as rows: one is the member's points on their way to be spent, with the code that proves it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg
import msgspec

from comeback_kit.db import Connection
from loyalty.lots import Take, joined, part_of

State = Literal["held", "spent", "cancelled", "expired", "returned"]
Source = Literal["reward", "order", "tier"]
HOLD_TIMER: Final = "redemption_expires"

COLUMNS: Final = """r.shop_id, r.redemption_id, r.customer_id, r.reward_id, r.order_id, r.state, r.asked, r.points, \
r.spent, r.returned, r.value, r.currency, r.code, r.takes, r.source, r.created_at, r.expires_at, r.resolved_at"""
_ONE: Final = f"select {COLUMNS} from redemptions r where shop_id = $1 and redemption_id = $2"
_LOCK: Final = f"""
select {COLUMNS}
from unnest($1::text[], $2::text[]) u(shop_id, redemption_id) join redemptions r using (shop_id, redemption_id)
order by r.shop_id, r.redemption_id for update of r"""
_MANY: Final = f"""
select {COLUMNS}
from unnest($1::text[], $2::text[]) u(shop_id, redemption_id) join redemptions r using (shop_id, redemption_id)
order by r.shop_id, r.redemption_id"""
_UPDATE: Final = """
update redemptions r set order_id = u.order_id, state = u.state, points = u.points, spent = u.spent,
  returned = u.returned, value = u.value, resolved_at = u.resolved_at, takes = u.takes::jsonb
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::timestamptz[], $10::text[])
  u(shop_id, redemption_id, order_id, state, points, spent, returned, value, resolved_at, takes)
where r.shop_id = u.shop_id and r.redemption_id = u.redemption_id"""
_OF_ORDER: Final = f"""
select {COLUMNS} from redemptions r
where shop_id = $1 and order_id = $2 and customer_id = $3 and source = 'order' and state in ('held', 'spent')
order by created_at"""
# Entries stay under the id of somebody who was merged. What took no points has none: the audit trail says so instead.
_BY_HAND: Final = """
select r.shop_id, r.redemption_id, sum(e.points)::bigint as points
from unnest($1::text[], $2::text[]) u(shop_id, redemption_id) join redemptions r using (shop_id, redemption_id)
join members m on m.shop_id = r.shop_id and (m.customer_id = r.customer_id or m.merged_into = r.customer_id)
join entries e on e.shop_id = m.shop_id and e.customer_id = m.customer_id and e.redemption_id = r.redemption_id
where e.kind = 'returned' and e.debit = 'spent' and e.reason is null
group by r.shop_id, r.redemption_id
union all
select r.shop_id, r.redemption_id, 0
from unnest($1::text[], $2::text[]) u(shop_id, redemption_id) join redemptions r using (shop_id, redemption_id)
where r.spent = 0 and exists (select from audit a
  where a.shop_id = r.shop_id and a.action = 'redemption.returned' and a.target = r.redemption_id)"""

_TAKES: Final = COLUMNS.split(", ").index("r.takes")


class Redemption(msgspec.Struct):
    """One redemption. ``points`` is what it holds or has spent, ``takes`` the lots it took them from, in that order.

    The last of them come back first. A lot is there twice where points of it came back and those of others were taken
    in their stead: these come between what stays spent of it and what came back. ``told`` is of how many of its points
    in a lot the member was told that they ran out, before an order took them all the same.
    """

    shop_id: str
    redemption_id: str
    customer_id: str
    reward_id: str | None
    order_id: str | None
    state: State
    asked: int
    points: int
    spent: int
    returned: int
    value: int | None
    currency: str | None
    code: str
    takes: tuple[Take, ...]
    source: Source
    created_at: datetime
    expires_at: datetime | None
    resolved_at: datetime | None
    changed: bool = False
    told: dict[str, int] = {}  # msgspec copies it

    @property
    def key(self) -> tuple[str, str]:
        """(shop_id, redemption_id)"""
        return self.shop_id, self.redemption_id

    def is_over(self, now: datetime) -> bool:
        """Whether the time of a hold has run out, also while its timer has not rung."""
        return self.state == "held" and self.expires_at is not None and self.expires_at <= now

    def takes_of_first(self, points: int) -> tuple[Take, ...]:
        """The lots of the first so many points."""
        return part_of(self.takes, 0, points)

    def returning(self, until: int) -> tuple[Take, ...]:
        """The lots that get points back when ``until`` of the spent points have come back in all: the last first."""
        news = part_of(self.takes, self.spent - until, self.spent - self.returned)
        return joined(reversed(news))


def from_values(row: Sequence[Any]) -> Redemption:
    """A redemption from the values of ``COLUMNS``."""
    values = list(row)
    values[_TAKES] = tuple(Take(lot_id, points) for lot_id, points in values[_TAKES])
    return Redemption(*values)


def read_row(row: asyncpg.Record) -> Redemption:
    """A redemption from its row, which has just these columns."""
    return from_values(tuple(row))


def values(one: Redemption) -> tuple[Any, ...]:
    """The row of a redemption, in the order of ``COLUMNS``."""
    return (
        one.shop_id,
        one.redemption_id,
        one.customer_id,
        one.reward_id,
        one.order_id,
        one.state,
        one.asked,
        one.points,
        one.spent,
        one.returned,
        one.value,
        one.currency,
        one.code,
        _pairs(one),
        one.source,
        one.created_at,
        one.expires_at,
        one.resolved_at,
    )


def _pairs(one: Redemption) -> list[list[str | int]]:
    return [[take.lot_id, take.points] for take in one.takes]


async def find(tx: Connection, shop_id: str, redemption_id: str) -> Redemption | None:
    """One redemption, without a lock."""
    row = await tx.fetchrow(_ONE, shop_id, redemption_id)
    return None if row is None else read_row(row)


async def find_many(tx: Connection, keys: Iterable[tuple[str, str]]) -> list[Redemption]:
    """Redemptions in order of (shop, id), without a lock."""
    wanted = sorted(set(keys))
    rows = await tx.fetch(_MANY, [key[0] for key in wanted], [key[1] for key in wanted])
    return [read_row(row) for row in rows]


async def of_order(tx: Connection, shop_id: str, customer_id: str, order_id: str) -> list[Redemption]:
    """What a member pays an order with, the first hold first; the caller holds the member's lock."""
    return [read_row(row) for row in await tx.fetch(_OF_ORDER, shop_id, order_id, customer_id)]


async def lock(tx: Connection, keys: Iterable[tuple[str, str]]) -> list[Redemption]:
    """Lock redemptions in order; their members are locked already."""
    wanted = sorted(set(keys))
    if not wanted:
        return []
    rows = await tx.fetch(_LOCK, [key[0] for key in wanted], [key[1] for key in wanted])
    return [read_row(row) for row in rows]


async def returned_by_hand(tx: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many points of redemptions somebody gave back, and no order. Those of which nobody did are not in it."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.fetch(_BY_HAND, [key[0] for key in wanted], [key[1] for key in wanted])
    return {(row["shop_id"], row["redemption_id"]): row["points"] for row in rows}


async def write(tx: Connection, changed: Sequence[Redemption]) -> None:
    """Write redemptions that moved on."""
    rows = [
        (
            *one.key,
            one.order_id,
            one.state,
            one.points,
            one.spent,
            one.returned,
            one.value,
            one.resolved_at,
            msgspec.json.encode(_pairs(one)).decode(),  # the driver takes a list of lists for an array of arrays
        )
        for one in changed
        if one.changed
    ]
    if rows:
        await tx.execute(_UPDATE, *[list(column) for column in zip(*rows, strict=True)])
