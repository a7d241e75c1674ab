"""A member's lots, page by page, with what is due done in memory: nothing is written, and nobody waits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from comeback_kit.db import ShopReader
from loyalty import history, member_read, member_view
from loyalty.books import LotRow
from loyalty.errors import MemberUnknown
from loyalty.member_read import Seen
from loyalty.program_store import ShopCache
from loyalty.schemas.members import LotAnswer

# Whoever changes a lot rewrites its member's row.
_SAME: Final = """
select exists (select from members where shop_id = $1 and customer_id = $2 and ctid = $3 and xmin = $4::xid)"""


async def page(
    reader: ShopReader, cache: ShopCache, customer_id: str, now: datetime, *, limit: int, cursor: str | None
) -> tuple[list[LotAnswer], str | None]:
    """One page, newest first. Raises ``MemberUnknown`` (404) and ``ProgramUnknown`` (404).

    What makes a lot (the points of a level) is written by the first page that shows it, so that pages chain. So is what
    is due of somebody who changed since they were read: half of it from then and half from now was never theirs.
    """
    seen = await member_read.see(reader, cache, customer_id, now)
    book = seen.book
    if book is None or book.erased_at is not None:
        raise MemberUnknown
    async with reader.transaction() as tx:
        if not _makes_lots(seen):
            items, after = await history.lots(tx, reader.shop_id, book.customer_id, limit=limit, cursor=cursor)
            if not book.lots or await tx.fetchval(_SAME, *book.key, *seen.version):
                return [_foreseen(one, book.lots) for one in items], after
        found = await member_view.read(tx, cache, reader.shop_id, customer_id, now)
        if found is None:
            raise MemberUnknown
        return await history.lots(tx, reader.shop_id, found.customer_id, limit=limit, cursor=cursor)


def _makes_lots(seen: Seen) -> bool:
    return seen.book is not None and any(lot.is_new for lot in seen.book.lots.values())


def _foreseen(answer: LotAnswer, lots: Mapping[str, LotRow]) -> LotAnswer:
    """The lot as it will be written; of those that were not read nothing is due."""
    lot = lots.get(answer.lot_id)
    if lot is None:
        return answer
    changed = {
        "remaining": lot.remaining + lot.held,
        "available_at": lot.available_at,
        "expires_at": lot.expires_at,
    }
    return answer.model_copy(update=changed)
