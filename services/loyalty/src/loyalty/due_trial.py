"""A member as the next settlement will find them, with what is due done: in memory, so that nothing is written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from comeback_kit.db import Connection
from loyalty import due, members, tier_counts, tiers
from loyalty.books import Book, Key
from loyalty.columns import MEMBER_COLUMNS
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.shop import Shop

_COUNTS: Final = slice(MEMBER_COLUMNS.index("seq"), MEMBER_COLUMNS.index("tier_id"))


async def foresee(tx: Connection, shop: Shop, customer_id: str, now: datetime) -> Book:
    """The member, or who the customer would be as a member; without a lock, for answers and never for postings."""
    book = await members.peek(tx, shop.shop_id, customer_id) or _newcomer(shop.shop_id, customer_id, now)
    shops = {shop.shop_id: shop}
    if due.is_due(shops, book, now):
        await members.read_all_lots(tx, book)
        ledger = Ledger(now)
        ledger.enroll(book)
        await due.catch_up(tx, ledger, shops, Notices(now), _count)
    return book


def _newcomer(shop_id: str, customer_id: str, now: datetime) -> Book:
    row: dict[str, object] = {**dict.fromkeys(MEMBER_COLUMNS), **dict.fromkeys(MEMBER_COLUMNS[_COUNTS], 0)}
    row |= {"shop_id": shop_id, "customer_id": customer_id, "created_at": now}
    return Book(tuple(row.values()), is_new=True)


async def _count(
    tx: Connection,  # noqa: ARG001  # all lots are in memory
    ledger: Ledger,  # noqa: ARG001  # what was posted stays in it
    shops: dict[str, Shop],
    at: Mapping[Key, tuple[Book, datetime]],
) -> None:
    """Set what tiers count as ``tiers.read_scores_at`` does, of lots of which nothing is written."""
    for book, instant in at.values():
        shop = shops[book.shop_id]
        window = tiers.window_at(shop, instant)
        if window is not None:
            basis = shop.current.tiers.basis
            lots = [lot for lot in book.lots.values() if window[0] <= tier_counts.moment_of(basis, lot) < window[1]]
            book.score = sum(tier_counts.value_of(basis, lot) for lot in lots)
