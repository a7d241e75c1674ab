"""A program with other tiers: every member is looked at once, in chunks that resume."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer, Timer
from loyalty import due, members, posting, program_store, tiers
from loyalty.books import Key
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.program_store import ShopCache
from loyalty.shop import Shop

REVIEW_TIMER: Final = "tier_review"
_CHUNK: Final = 500
_NEXT: Final = """
select u.shop_id, m.customer_id from unnest($1::text[], $2::text[]) u(shop_id, after) cross join lateral (
  select customer_id from members where shop_id = u.shop_id and customer_id > u.after and merged_into is null
  order by customer_id limit $3) m
order by u.shop_id, m.customer_id"""


async def start(tx: Connection, shop_id: str, now: datetime) -> None:
    """Look at every member of a shop, from the first."""
    await timers.schedule(tx, [Timer(shop_id, REVIEW_TIMER, "", now, {"after": ""})])


async def step(tx: Connection, due_timers: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Look at the next members of each shop, of all shops together: members are locked before any reward."""
    shops = await program_store.load(tx, cache, {timer.shop_id for timer in due_timers})
    after = {timer.shop_id: timer.payload["after"] for timer in due_timers if timer.shop_id in shops}
    names: dict[str, list[str]] = {}
    for shop_id, customer_id in await tx.fetch(_NEXT, list(after), list(after.values()), _CHUNK):
        names.setdefault(shop_id, []).append(customer_id)
    await _look(tx, shops, [(shop_id, name) for shop_id, found in names.items() for name in found], context.now)
    await timers.schedule(
        tx,
        [
            Timer(shop_id, REVIEW_TIMER, "", context.now, {"after": found[-1]})
            for shop_id, found in names.items()
            if len(found) == _CHUNK
        ],
    )


async def _look(tx: Connection, shops: dict[str, Shop], keys: Sequence[Key], now: datetime) -> None:
    books = await members.lock(tx, keys, now, create=False)
    ledger, notices = Ledger(now), Notices(now)
    for book in books.values():
        ledger.enroll(book)
    await due.catch_up(tx, ledger, shops, notices)
    await posting.write_posted(tx, ledger)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    for book in ledger.books.values():
        tiers.look(ledger, shops[book.shop_id], book, now, notices, other_program=True)
    await posting.flush(tx, ledger)
    await notices.send(tx)
