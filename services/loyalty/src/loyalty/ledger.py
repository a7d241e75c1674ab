"""The only writer of points: double-entry postings on members under lock, written set by set at the end.

Postings change a ``Book`` and its lots in memory and gather lines; ``flush`` writes members, lots and lines with one
statement. Whoever calls holds the members' row locks (``members.lock``), so nothing in between can change.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from loyalty.accounts import Account, Kind
from loyalty.books import Book, First, LotRow
from loyalty.lines import Transaction
from loyalty.lots import Take, allocate
from loyalty.memo import Grant, Memo
from loyalty.settlement import Settlement


class Ledger:
    """The postings of one database transaction."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.lines: list[tuple[Any, ...]] = []
        self.books: dict[tuple[str, str], Book] = {}
        self.tier_moves: list[tuple[str, str, datetime, str | None]] = []
        self.grants: list[Grant] = []

    def enroll(self, book: Book) -> Book:
        """Take a locked member into this transaction."""
        self.books[book.key] = book
        return book

    def earn(
        self, book: Book, lot: LotRow, points: int, memo: Memo, *, forgiven: int = 0, kind: Kind = "earned"
    ) -> int:
        """Put new points into a lot (``pending_added`` while it is pending), after ``forgiven`` of its shortfall.

        Answers the transaction's number.
        """
        into: Account = "available" if lot.active else "pending"
        kind = kind if lot.active else "pending_added"
        posted = self._begin(book, kind, memo)
        posted.move("transit" if kind == "transferred_in" else "issued", into, points, lot)
        if forgiven:
            posted.move("issued", "owed", forgiven, lot)
            book.shortfall -= forgiven
        lot.earned += points
        lot.shortfall -= forgiven
        lot.remaining += points
        lot.changed = True
        if lot.active:
            _absorb(posted, book, points, lot)
            book.balance += points
            if kind == "earned":
                book.lifetime_earned += points
        else:
            book.pending += points
            book.due_by(lot.available_at)
        if lot.remaining:
            book.due_by(lot.expires_at)
        return posted.seq

    def earn_first(self, book: Book, lot: LotRow, points: int, rule_ids: tuple[str, ...]) -> int:
        """``earn`` for the new lot of an order, of a member without a deficit: its line is written with the lot.

        The caller sees to it that the lot's end is watched.
        """
        assert lot.is_new and not lot.earned and book.balance >= 0, lot.lot_id  # noqa: S101, PT018
        book.seq += 1
        book.changed = True
        lot.first = First(book.seq, points, lot.active, lot.expires_at, rule_ids)
        lot.earned = lot.remaining = points
        if lot.active:
            book.balance += points
            book.lifetime_earned += points
        else:
            book.pending += points
            book.due_by(lot.available_at)
        return book.seq

    def settle(self, book: Book, lot: LotRow, found: Settlement, memo: Memo) -> int:
        """Post what a settlement takes back; answers the number of the last transaction."""
        if found.from_pending:
            self._begin(book, "pending_cancelled", memo).move("pending", "issued", found.from_pending, lot)
            lot.remaining -= found.from_pending
            book.pending -= found.from_pending
        taken = found.from_active + found.from_others
        if taken or found.shortfall:
            posted = self._begin(book, "clawed_back", memo)
            if found.from_active:
                posted.move("available", "issued", found.from_active, lot)
                lot.remaining -= found.from_active
            if found.from_others:
                self._take_from_others(posted, book, found.from_others)
            if found.shortfall > 0:
                posted.move("owed", "issued", found.shortfall, lot)
            elif found.shortfall < 0:
                posted.move("issued", "owed", -found.shortfall, lot)
            book.balance -= taken
            book.lifetime_earned -= taken
            book.shortfall += found.shortfall
        lot.clawed += found.clawed
        lot.shortfall += found.shortfall
        lot.changed = book.changed = True
        return book.seq

    def _take_from_others(self, posted: Transaction, book: Book, points: int) -> None:
        takes, missing = allocate(book.spendable(self.now), points)
        for take in takes:
            other = book.lots[take.lot_id]
            posted.move("available", "issued", take.points, other)
            other.remaining -= take.points
            other.changed = True
        if missing:
            posted.move("overdrawn", "issued", missing, None)

    def activate(self, book: Book, lot: LotRow) -> int:
        """A pending lot can be spent from now on."""
        points = lot.remaining
        lot.active = lot.changed = book.changed = True
        if not points:
            return book.seq
        memo = Memo(order_id=lot.order_id, expires_at=lot.expires_at)
        posted = self._begin(book, "pending_activated", memo)
        posted.move("pending", "available", points, lot)
        _absorb(posted, book, points, lot)
        book.pending -= points
        book.balance += points
        if lot.scored:
            book.lifetime_earned += points
        return posted.seq

    def expire(self, book: Book, lot: LotRow, reason: str | None = None) -> int:
        """What is left of a lot runs out, and is owed no longer: a shortfall counts only what was used."""
        points = lot.remaining
        memo = Memo(order_id=lot.order_id, reason=reason, expires_at=lot.expires_at)
        posted = self._begin(book, "expired", memo)
        posted.move("available", "expired", points, lot)
        lot.remaining, lot.changed = 0, True
        lot.expired += points
        book.balance -= points
        forgiven = lot.shortfall - lot.account.used if lot.shortfall else 0
        if forgiven > 0:  # of ``pending_only``, which leaves active points where they are
            posted.move("issued", "owed", forgiven, lot)
            lot.shortfall -= forgiven
            book.shortfall -= forgiven
            book.forgiven += forgiven
        return posted.seq

    def restore(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """What ran out of these lots is there again, for a hold that has them from before they did."""
        posted, points = self._move(book, takes, "expired", "expired", "available", memo)
        for take in takes:
            lot = book.lots[take.lot_id]
            lot.expired -= take.points
            lot.told -= take.points
            lot.remaining += take.points
        book.balance += points
        return posted.seq

    def hold(self, book: Book, takes: Sequence[Take], memo: Memo, *, overdrawn: Sequence[Take] = ()) -> int:
        """Put points of these lots aside for a redemption; the lots lack those ``overdrawn`` of them."""
        posted, points = self._move(book, takes, "held", "available", "held", memo)
        for take in overdrawn:
            posted.move("overdrawn", "available", take.points, book.lots[take.lot_id])
            book.lots[take.lot_id].remaining += take.points
        for take in takes:
            lot = book.lots[take.lot_id]
            lot.remaining -= take.points
            lot.held += take.points
        book.balance -= points
        book.held += points
        return posted.seq

    def spend(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Held points are gone for good."""
        posted, points = self._move(book, takes, "spent", "held", "spent", memo)
        for take in takes:
            book.lots[take.lot_id].held -= take.points
        book.held -= points
        return posted.seq

    def release(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Held points go back into their lots."""
        seq = self._give(book, takes, "released", "held", memo)
        for take in takes:
            book.lots[take.lot_id].held -= take.points
            book.held -= take.points
        return seq

    def give_back(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Spent points go back into their lots."""
        return self._give(book, takes, "returned", "spent", memo)

    def withdraw(self, book: Book, takes: Sequence[Take], missing: int, kind: Kind, memo: Memo) -> int:
        """Take points out of lots, and ``missing`` of them below 0: a negative adjustment, or a transfer."""
        into: Account = "transit" if kind == "transferred_out" else "issued"
        posted, points = self._move(book, takes, kind, "available", into, memo)
        for take in takes:
            book.lots[take.lot_id].remaining -= take.points
        if missing:
            posted.move("overdrawn", into, missing, None)
        book.balance -= points + missing
        return posted.seq

    def fill(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Let points of these lots fill a balance below 0; the balance stays what it is."""
        posted, _ = self._move(book, takes, "adjusted", "available", "overdrawn", memo)
        for take in takes:
            book.lots[take.lot_id].remaining -= take.points
        return posted.seq

    def _give(self, book: Book, takes: Sequence[Take], kind: Kind, source: Account, memo: Memo) -> int:
        posted, points = self._move(book, takes, kind, source, "available", memo)
        for take in takes:
            lot = book.lots[take.lot_id]
            lot.remaining += take.points
            _absorb(posted, book, take.points, lot)
            book.balance += take.points
            book.due_by(lot.expires_at)
        assert points >= 0  # noqa: S101  # keeps the sum used by callers honest
        return posted.seq

    def _move(
        self, book: Book, takes: Sequence[Take], kind: Kind, debit: Account, credit: Account, memo: Memo
    ) -> tuple[Transaction, int]:
        posted, points = self._begin(book, kind, memo), 0
        for take in takes:
            lot = book.lots[take.lot_id]
            posted.move(debit, credit, take.points, lot)
            lot.changed = True
            points += take.points
        return posted, points

    def _begin(self, book: Book, kind: Kind, memo: Memo) -> Transaction:
        return Transaction(self.lines, book, kind, memo, self.now)


def _absorb(posted: Transaction, book: Book, points: int, lot: LotRow) -> None:
    """New points fill a balance below 0 first."""
    absorbed = min(points, book.deficit)
    if absorbed:
        posted.move("available", "overdrawn", absorbed, lot)
        lot.remaining -= absorbed
