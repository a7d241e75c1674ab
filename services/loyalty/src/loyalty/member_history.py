"""A member's transactions, what is due among them: in two statements, as while nothing is.

A transaction is of the instant at which it was posted. Foreseen, that would be each time another one, and the answer
would change from call to call though nothing happened; so what moves points is posted by the first page that shows it.
That page is read by the statement that writes, which finds only the version of the member that was read before: nobody
is locked meanwhile. Whoever was faster, and rewards that are given, send it the long way.
"""

from datetime import datetime
from typing import Final

import asyncpg

from comeback_kit import outbox
from comeback_kit.db import Connection, ShopReader
from loyalty import history, member_read, member_view, posting, till
from loyalty.columns import LOT_COLUMNS
from loyalty.errors import MemberUnknown
from loyalty.member_read import Seen
from loyalty.program_store import ShopCache
from loyalty.schemas.members import TransactionAnswer

_Page = tuple[list[TransactionAnswer], str | None]
# $1 to $6 are those of the page; all that is written depends on the member's row. What is posted comes on top of the
# page, whose snapshot does not have it yet.
_POST: Final = f"""
with member as (
  update members m set {posting.MEMBER_SETS}, updated_at = $9
  from json_populate_record(null::member_write, $10::json) u
  where m.shop_id = $1 and m.customer_id = $2 and m.ctid = $7 and m.xmin = $8::xid
  returning m.shop_id, m.customer_id, m.balance
), lot as (
  insert into lots (shop_id, customer_id, {", ".join(LOT_COLUMNS)})
  select l.* from member, json_populate_recordset(null::lot_write, $11::json) l
  on conflict (shop_id, customer_id, lot_id) do update set {posting.LOT_SETS}
), line as (
  insert into entries (shop_id, customer_id, seq, line, kind, debit, credit, points, lot_id, order_id, redemption_id,
    reason, actor, rule_ids, expires_at, created_at)
  select e.* from member, json_populate_recordset(null::entry_write, $12::json) e
  returning *
), tier as (
  insert into tier_changes (shop_id, customer_id, at, tier_id)
  select member.shop_id, member.customer_id, t.at, t.tier_id
  from member, unnest($13::timestamptz[], $14::text[]) with ordinality t(at, tier_id, place) order by t.place
), event as (
  {outbox.adding_alike("$15", "$16", "$17", "$18", source="member")}
)
(select {history.GROUPED}, (select member.balance from member) from line
  group by customer_id, seq, kind having {history.MOVING} order by seq desc)
union all
(select page.* from member, lateral ({history.PAGE}) page)"""


async def page(
    reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime, *, limit: int, cursor: str | None
) -> _Page:
    """One page, newest first. Raises ``MemberUnknown`` (404) and ``ProgramUnknown`` (404)."""
    seen = await member_read.see(reader, cache, customer_id, now)
    if seen.book is None or seen.book.erased_at is not None:
        raise MemberUnknown
    async with reader.transaction() as tx:
        if cursor is None and _moves(seen):
            rows = () if member_view.gives_rewards(seen) else await _post(tx, seen, limit)
            if rows:
                return history.paged(rows, limit)
            await member_view.read(tx, cache, reader.shop_id, customer_id, now)
        return await history.transactions(tx, reader.shop_id, seen.book.customer_id, limit=limit, cursor=cursor)


def _moves(seen: Seen) -> bool:
    """Whether what is due moves points, or gives rewards."""
    return seen.foreseen is not None and (bool(seen.foreseen.ledger.lines) or member_view.gives_rewards(seen))


async def _post(tx: Connection, seen: Seen, limit: int) -> "list[asyncpg.Record]":
    """Write what is due, and answer the rows of the newest page; none where the member is no more as they were read."""
    assert seen.book is not None and seen.foreseen is not None  # noqa: S101, PT018  # something moves
    ledger, notices = seen.foreseen
    ats, levels = [one[2] for one in ledger.tier_moves], [one[3] for one in ledger.tier_moves]
    told = outbox.alike(notices.take())
    asked = (*seen.book.key, None, None, None, limit + 1)
    return await tx.fetch(_POST, *asked, *seen.version, ledger.now, *till.written(ledger), ats, levels, *told)
