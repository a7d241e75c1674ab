"""Postings of the ledger in memory, for the tests of pure arithmetic."""

from datetime import UTC, datetime

from loyalty.books import Book, LotRow
from loyalty.columns import MEMBER_COLUMNS
from loyalty.ledger import Ledger
from loyalty.memo import Memo
from loyalty.settlement import Account, Settlement

AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
NOTE = Memo(reason="test")


def member(balance: int = 0) -> Book:
    """A member with that balance and no lots."""
    known = {"shop_id": "demo", "customer_id": "ada", "created_at": AT, "balance": balance}
    counts = MEMBER_COLUMNS[2:11]
    return Book(tuple(known.get(name, 0 if name in counts else None) for name in MEMBER_COLUMNS))


def lot_of(book: Book, lot_id: str, *, pending: bool = False) -> LotRow:
    """A new lot of the member's."""
    ready = None if pending else AT
    lot = LotRow.new(lot_id, program_version=1, earned_at=AT, available_at=ready, expires_at=None, now=AT)
    book.lots[lot_id] = lot
    return lot


def posted(account: Account, found: Settlement, *, pending: bool = False) -> Account:
    """The account after a settlement was posted for a member who has plenty of other points.

    ``pending`` says that nothing of the order can be spent yet.
    """
    book = member(balance=1_000_000)
    lot = lot_of(book, "order:1", pending=pending)
    lot.earned, lot.clawed, lot.shortfall = account.earned, account.clawed, account.shortfall
    lot.expired, lot.remaining = account.expired, account.pending + account.active
    assert lot.account == account, "one lot is pending or not"
    ledger = Ledger(AT)
    if found.restored:
        ledger.earn(book, lot, found.restored, NOTE, forgiven=-found.shortfall)
    else:
        ledger.settle(book, lot, found, NOTE)
    return lot.account
