"""A line of the ledger as the row that is written (type ``entry_write``)."""

from datetime import datetime
from typing import Any

from loyalty.accounts import Account, Kind
from loyalty.books import Book, LotRow
from loyalty.memo import SEPARATOR, Memo


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
