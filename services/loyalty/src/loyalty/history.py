"""A member's transactions and lots, read page by page; the history of merged ids included."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from comeback_kit.db import Connection
from comeback_kit.paging import encode_cursor
from loyalty import cursors
from loyalty.accounts import STILL
from loyalty.memo import SEPARATOR
from loyalty.notices import transaction_id
from loyalty.schemas.members import LotAnswer, TransactionAnswer

SIGNED: Final = """case kind
    when 'pending_added' then sum(points) filter (where credit = 'pending')
    when 'pending_cancelled' then -sum(points) filter (where debit = 'pending')
    when 'spent' then -sum(points) filter (where debit = 'held')
    else coalesce(sum(points) filter (where credit in ('available', 'overdrawn')), 0)
      - coalesce(sum(points) filter (where debit in ('available', 'overdrawn')), 0) end"""
GROUPED: Final = f"""customer_id, seq, kind, min(created_at) as created_at, min(order_id) as order_id,
  min(redemption_id) as redemption_id, min(reason) as reason, min(actor) as actor, min(rule_ids) as rule_ids,
  min(expires_at) as expires_at, coalesce({SIGNED}, 0)::bigint as points"""
# What moves no point of the member is kept for what their orders owe, and for sums; ``explaining`` shows it.
MOVING: Final = f"coalesce({SIGNED}, 0) <> 0"
_OF_ONE: Final = f"""
select {GROUPED} from entries
where shop_id = $1 and customer_id = $2 and seq = $3 group by customer_id, seq, kind"""
_MERGED: Final = "select n.customer_id from members n where n.shop_id = $1 and n.merged_into = $2"
_BALANCE: Final = "(select n.balance from members n where n.shop_id = $1 and n.customer_id = $2) as balance"
PAGE: Final = f"""
(select {GROUPED}, {_BALANCE} from entries
  where not exists ({_MERGED}) and shop_id = $1 and customer_id = $2 and ($5::int is null or seq < $5)
  group by shop_id, customer_id, seq, kind having {MOVING} order by seq desc limit $6)
union all
(select {GROUPED}, {_BALANCE}
  from entries join unnest(array(select $2 union all {_MERGED})) u(customer_id) using (customer_id)
  where exists ({_MERGED}) and shop_id = $1 group by customer_id, seq, kind
  having {MOVING} and ($3::timestamptz is null or (min(created_at), customer_id, seq) < ($3, $4, $5))
  order by min(created_at) desc, customer_id desc, seq desc limit $6)"""
"""A page of so many ($6) transactions that move points, behind a cursor ($3 to $5).

PostgreSQL asks once whether anybody was merged into the member, and then runs one of the two alone: the history of
one member is read along its index, that of several is put together. The balance is that of the very moment at which
the page was read, so that ``balance_after`` chains whatever is posted meanwhile."""
_NAMES: Final = """
select customer_id from members where shop_id = $1 and merged_into = $2"""
_LOTS: Final = """
select lot_id, order_id, earned, remaining + held as remaining, earned_at, available_at, expires_at
from lots where shop_id = $1 and customer_id = $2 and earned > 0
  and ($3::timestamptz is null or (earned_at, lot_id) < ($3, $4))
order by earned_at desc, lot_id desc limit $5"""


async def names_of(tx: Connection, shop_id: str, customer_id: str) -> list[str]:
    """The member's id and every id that was merged into it."""
    return [customer_id, *[row["customer_id"] for row in await tx.fetch(_NAMES, shop_id, customer_id)]]


async def transactions(
    tx: Connection, shop_id: str, customer_id: str, *, limit: int, cursor: str | None
) -> tuple[list[TransactionAnswer], str | None]:
    """One page, newest first. The member's balance and the cursor carry ``balance_after`` along."""
    at, name, seq, after = cursors.transaction(cursor)
    return paged(await tx.fetch(PAGE, shop_id, customer_id, at, name, seq, limit + 1), limit, after)


def paged(
    rows: Sequence[asyncpg.Record], limit: int, after: int | None = None
) -> tuple[list[TransactionAnswer], str | None]:
    """The page of rows as ``PAGE`` has them, one more than the page is long where there are more.

    ``after`` is the balance after the first of them; None for the newest page.
    """
    if not rows:
        return [], None
    items, running = [], rows[0]["balance"] if after is None else after
    for row in rows[:limit]:
        items.append(answer(row, running))
        if row["kind"] not in STILL:
            running -= row["points"]
    if len(rows) <= limit:
        return items, None
    last = rows[limit - 1]
    return items, encode_cursor(last["created_at"].isoformat(), last["customer_id"], last["seq"], running)


def answer(row: asyncpg.Record, balance_after: int) -> TransactionAnswer:
    """One transaction as the API shows it."""
    return TransactionAnswer(
        id=transaction_id(row["customer_id"], row["seq"]),
        type=row["kind"],
        points=row["points"],
        balance_after=balance_after,
        order_id=row["order_id"],
        redemption_id=row["redemption_id"],
        reason=row["reason"],
        rule_ids=tuple(row["rule_ids"].split(SEPARATOR)) if row["rule_ids"] else (),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def transaction(tx: Connection, shop_id: str, customer_id: str, seq: int, balance: int) -> TransactionAnswer:
    """A member's transaction of that number, which was posted in this very transaction, and the balance after it."""
    (row,) = await tx.fetch(_OF_ONE, shop_id, customer_id, seq)
    return answer(row, balance)


async def lots(
    tx: Connection, shop_id: str, customer_id: str, *, limit: int, cursor: str | None
) -> tuple[list[LotAnswer], str | None]:
    """One page of a member's lots, newest first; those that are used up too."""
    since, lot_id = cursors.instant_and_id(cursor)
    rows = await tx.fetch(_LOTS, shop_id, customer_id, since, lot_id, limit + 1)
    items = [LotAnswer(**row) for row in rows[:limit]]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(items[-1].earned_at.isoformat(), items[-1].lot_id)
