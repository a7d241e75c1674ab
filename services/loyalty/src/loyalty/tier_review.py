"""A program with other tiers: every member is looked at once, in chunks that resume."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer, Timer
from loyalty import due, members, posting, program_store, tiers
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.program_store import ShopCache
from loyalty.shop import Shop

REVIEW_TIMER: Final = "tier_review"
_CHUNK: Final = 500
_NEXT: Final = """
select customer_id from members where shop_id = $1 and customer_id > $2 and merged_into is null
order by customer_id limit $3"""


async def start(tx: Connection, shop_id: str, now: datetime) -> None:
    """Look at every member of a shop, from the first."""
    await timers.schedule(tx, [Timer(shop_id, REVIEW_TIMER, "", now, {"after": ""})])


async def step(tx: Connection, due_timers: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Look at the next members of each shop."""
    shops = await program_store.load(tx, cache, {timer.shop_id for timer in due_timers})
    for timer in sorted(due_timers, key=attrgetter("shop_id")):  # as members are locked
        if timer.shop_id in shops:
            await _chunk(tx, shops[timer.shop_id], timer.payload["after"], context.now)


async def _chunk(tx: Connection, shop: Shop, after: str, now: datetime) -> None:
    names = [row["customer_id"] for row in await tx.fetch(_NEXT, shop.shop_id, after, _CHUNK)]
    books = await members.lock(tx, {(shop.shop_id, name) for name in names}, now, create=False)
    ledger, notices = Ledger(now), Notices(now)
    shops = {shop.shop_id: shop}
    for book in books.values():
        ledger.enroll(book)
    await due.catch_up(tx, ledger, shops, notices)
    await posting.flush(tx, ledger)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    for book in ledger.books.values():
        tiers.look(ledger, shop, book, now, notices, other_program=True)
    await posting.flush(tx, ledger)
    await notices.send(tx)
    if len(names) == _CHUNK:
        await timers.schedule(tx, [Timer(shop.shop_id, REVIEW_TIMER, "", now, {"after": names[-1]})])
