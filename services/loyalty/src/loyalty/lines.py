"""Lines of the ledger as the rows that are written (type ``entry_write``)."""

from datetime import datetime
from typing import Any

from loyalty.accounts import Account, Kind
from loyalty.books import Book, LotRow
from loyalty.memo import SEPARATOR, Memo


class Transaction:
    """A member's next transaction; its lines are added to ``rows``. ``seq`` is its number."""

    __slots__ = ("_book", "_count", "_kind", "_memo", "_now", "_rows", "seq")

    def __init__(self, rows: list[tuple[Any, ...]], book: Book, kind: Kind, memo: Memo, now: datetime) -> None:
        book.seq += 1
        book.changed = True
        self.seq = book.seq
        self._rows, self._book, self._kind, self._memo, self._now = rows, book, kind, memo, now
        self._count = 0

    def move(self, debit: Account, credit: Account, points: int, lot: LotRow | None) -> None:
        """Points go from the account ``debit`` to ``credit``; where they are a lot's, in that lot."""
        self._rows.append(
            line_row(self._book, self.seq, self._count, self._kind, debit, credit, points, lot, self._memo, self._now)
        )
        self._count += 1


def line_row(
    book: Book,
    seq: int,
    line: int,
    kind: Kind,
    debit: Account,
    credit: Account,
    points: int,
    lot: LotRow | None,
    memo: Memo,
    now: datetime,
) -> tuple[Any, ...]:
    """Line ``line`` of a member's transaction ``seq``: points from the account ``debit`` to ``credit``."""
    return (
        book.shop_id,
        book.customer_id,
        seq,
        line,
        kind,
        debit,
        credit,
        points,
        None if lot is None else lot.lot_id,
        memo.order_id,
        memo.redemption_id,
        memo.reason,
        memo.actor,
        joined(memo.rule_ids),
        memo.expires_at,
        now,
    )


def joined(rule_ids: tuple[str, ...]) -> str | None:
    """Rule ids as they are stored."""
    return SEPARATOR.join(rule_ids) if rule_ids else None
