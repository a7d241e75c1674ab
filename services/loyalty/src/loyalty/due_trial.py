"""What is due of a member, done in memory: for answers, so that nothing is written and nobody is locked."""

from datetime import datetime
from typing import Final, NamedTuple

from loyalty import due, tiers
from loyalty.books import Book
from loyalty.columns import MEMBER_COLUMNS
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.shop import Shop

_COUNTS: Final = slice(MEMBER_COLUMNS.index("seq"), MEMBER_COLUMNS.index("tier_id"))


class Foreseen(NamedTuple):
    """What the next transaction of a member writes and tells of what is due."""

    ledger: Ledger
    notices: Notices


def foresee(shop: Shop, book: Book, now: datetime) -> Foreseen:
    """Do what is due of a member whose open lots were read, and where tiers count in a window all that count in one."""
    found = Foreseen(Ledger(now), Notices(now))
    found.ledger.enroll(book)
    book.all_open = True
    shops = {shop.shop_id: shop}
    due.foresee(found.ledger, shops, found.notices)
    tiers.count_scores(shops, {book.key: (book, now)})
    return found


def newcomer(shop: Shop, customer_id: str, now: datetime) -> Book:
    """Who a customer of whom nothing is known would be as a member now, with what is due done."""
    row: dict[str, object] = {**dict.fromkeys(MEMBER_COLUMNS), **dict.fromkeys(MEMBER_COLUMNS[_COUNTS], 0)}
    row |= {"shop_id": shop.shop_id, "customer_id": customer_id, "created_at": now}
    book = Book(tuple(row.values()), is_new=True)
    foresee(shop, book, now)
    return book
