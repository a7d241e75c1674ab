"""The only writer of points: double-entry postings on members under lock, written set by set at the end.

Postings change a ``Book`` and its lots in memory and gather lines; ``flush`` writes members, lots and lines with one
statement. Whoever calls holds the members' row locks (``members.lock``), so nothing in between can change.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from loyalty.accounts import Account, Kind
from loyalty.books import Book, First, LotRow
from loyalty.lines import line_row
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
        seq = _next(book)
        into: Account = "available" if lot.active else "pending"
        kind = kind if lot.active else "pending_added"
        line = self._line(
            book, seq, 0, kind, "transit" if kind == "transferred_in" else "issued", into, points, lot, memo
        )
        if forgiven:
            line = self._line(book, seq, line, kind, "issued", "owed", forgiven, lot, memo)
            book.shortfall -= forgiven
        lot.earned += points
        lot.shortfall -= forgiven
        lot.remaining += points
        lot.changed = True
        if lot.active:
            self._absorb(book, seq, line, kind, points, lot, memo)
            book.balance += points
            if kind == "earned":
                book.lifetime_earned += points
        else:
            book.pending += points
            book.due_by(lot.available_at)
        if lot.remaining:
            book.due_by(lot.expires_at)
        return seq

    def earn_first(self, book: Book, lot: LotRow, points: int, rule_ids: tuple[str, ...]) -> int:
        """``earn`` for the new lot of an order, of a member without a deficit: its line is written with the lot.

        The caller sees to it that the lot's end is watched.
        """
        assert lot.is_new and not lot.earned and book.balance >= 0, lot.lot_id  # noqa: S101, PT018
        seq = _next(book)
        lot.first = First(seq, points, lot.active, lot.expires_at, rule_ids)
        lot.earned = lot.remaining = points
        if lot.active:
            book.balance += points
            book.lifetime_earned += points
        else:
            book.pending += points
            book.due_by(lot.available_at)
        return seq

    def settle(self, book: Book, lot: LotRow, found: Settlement, memo: Memo) -> int:
        """Post what a settlement takes back; answers the number of the last transaction."""
        if found.from_pending:
            seq = _next(book)
            self._line(book, seq, 0, "pending_cancelled", "pending", "issued", found.from_pending, lot, memo)
            lot.remaining -= found.from_pending
            book.pending -= found.from_pending
        taken = found.from_active + found.from_others
        if taken or found.shortfall:
            number = _next(book)
            line = 0
            if found.from_active:
                line = self._line(book, number, 0, "clawed_back", "available", "issued", found.from_active, lot, memo)
                lot.remaining -= found.from_active
            if found.from_others:
                line = self._take_from_others(book, number, line, found.from_others, memo)
            if found.shortfall > 0:
                self._line(book, number, line, "clawed_back", "owed", "issued", found.shortfall, lot, memo)
            elif found.shortfall < 0:
                self._line(book, number, line, "clawed_back", "issued", "owed", -found.shortfall, lot, memo)
            book.balance -= taken
            book.lifetime_earned -= taken
            book.shortfall += found.shortfall
        lot.clawed += found.clawed
        lot.shortfall += found.shortfall
        lot.changed = book.changed = True
        return book.seq

    def _take_from_others(self, book: Book, seq: int, line: int, points: int, memo: Memo) -> int:
        takes, missing = allocate(book.spendable(self.now), points)
        for take in takes:
            other = book.lots[take.lot_id]
            line = self._line(book, seq, line, "clawed_back", "available", "issued", take.points, other, memo)
            other.remaining -= take.points
            other.changed = True
        if missing:
            line = self._line(book, seq, line, "clawed_back", "overdrawn", "issued", missing, None, memo)
        return line

    def activate(self, book: Book, lot: LotRow) -> int:
        """A pending lot can be spent from now on."""
        memo = Memo(order_id=lot.order_id, expires_at=lot.expires_at)
        points = lot.remaining
        lot.active = lot.changed = True
        if not points:
            return book.seq
        seq = _next(book)
        line = self._line(book, seq, 0, "pending_activated", "pending", "available", points, lot, memo)
        self._absorb(book, seq, line, "pending_activated", points, lot, memo)
        book.pending -= points
        book.balance += points
        if lot.scored:
            book.lifetime_earned += points
        return seq

    def expire(self, book: Book, lot: LotRow, reason: str | None = None) -> int:
        """What is left of a lot runs out."""
        seq, points = _next(book), lot.remaining
        memo = Memo(order_id=lot.order_id, reason=reason, expires_at=lot.expires_at)
        self._line(book, seq, 0, "expired", "available", "expired", points, lot, memo)
        lot.remaining, lot.changed = 0, True
        lot.expired += points
        book.balance -= points
        return seq

    def hold(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Put points of these lots aside for a redemption."""
        seq, points = self._move(book, takes, "held", "available", "held", memo)
        for take in takes:
            lot = book.lots[take.lot_id]
            lot.remaining -= take.points
            lot.held += take.points
        book.balance -= points
        book.held += points
        return seq

    def spend(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Held points are gone for good."""
        seq, points = self._move(book, takes, "spent", "held", "spent", memo)
        for take in takes:
            book.lots[take.lot_id].held -= take.points
        book.held -= points
        return seq

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
        seq, points = self._move(book, takes, kind, "available", into, memo)
        for take in takes:
            book.lots[take.lot_id].remaining -= take.points
        if missing:
            self._line(book, seq, len(takes), kind, "overdrawn", into, missing, None, memo)
        book.balance -= points + missing
        return seq

    def fill(self, book: Book, takes: Sequence[Take], memo: Memo) -> int:
        """Let points of these lots fill a balance below 0; the balance stays what it is."""
        seq, _ = self._move(book, takes, "adjusted", "available", "overdrawn", memo)
        for take in takes:
            book.lots[take.lot_id].remaining -= take.points
        return seq

    def _give(self, book: Book, takes: Sequence[Take], kind: Kind, source: Account, memo: Memo) -> int:
        seq, points = self._move(book, takes, kind, source, "available", memo)
        line = len(takes)
        for take in takes:
            lot = book.lots[take.lot_id]
            lot.remaining += take.points
            line = self._absorb(book, seq, line, kind, take.points, lot, memo)
            book.balance += take.points
            book.due_by(lot.expires_at)
        assert points >= 0  # noqa: S101  # keeps the sum used by callers honest
        return seq

    def _move(
        self, book: Book, takes: Sequence[Take], kind: Kind, debit: Account, credit: Account, memo: Memo
    ) -> tuple[int, int]:
        seq, points = _next(book), 0
        for line, take in enumerate(takes):
            lot = book.lots[take.lot_id]
            self._line(book, seq, line, kind, debit, credit, take.points, lot, memo)
            lot.changed = True
            points += take.points
        return seq, points

    def _absorb(self, book: Book, seq: int, line: int, kind: Kind, points: int, lot: LotRow, memo: Memo) -> int:
        """New points fill a balance below 0 first."""
        absorbed = min(points, book.deficit)
        if absorbed:
            line = self._line(book, seq, line, kind, "available", "overdrawn", absorbed, lot, memo)
            lot.remaining -= absorbed
        return line

    def _line(
        self,
        book: Book,
        seq: int,
        line: int,
        kind: Kind,
        debit: Account,
        credit: Account,
        points: int,
        lot: LotRow | None,
        memo: Memo,
    ) -> int:
        self.lines.append(line_row(book, seq, line, kind, debit, credit, points, lot, memo, self.now))
        return line + 1


def _next(book: Book) -> int:
    book.seq += 1
    book.changed = True
    return book.seq
