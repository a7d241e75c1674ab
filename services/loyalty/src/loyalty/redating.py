"""An order that turns out to be of another day than it seemed: the dates of its lot follow.

The instant of ``earn_on`` may come after the order has counted: it is paid, and its ``paid_at`` follows. What became
spendable, was spent or has run out meanwhile stays so, and so does what was fixed when the order counted first.
"""

from datetime import datetime

from loyalty import lot_care
from loyalty.books import Book, LotRow
from loyalty.expiry import end_after, expires_at
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.order_task import Task
from loyalty.shop import Shop
from loyalty.tier_counts import moment_of, value_of
from loyalty.tiers_rules import counts_in


def redate(ledger: Ledger, notices: Notices, task: Task, book: Book, lot: LotRow, *, begins: datetime | None) -> None:
    """Give a lot the instants that its order asks for now; ``begins`` is the one from which its points can be spent."""
    at = task.at
    if at is None or at == lot.earned_at:
        return
    counted = _counts(task.shop, lot, ledger.now)
    lot.earned_at = at
    lot.changed = book.changed = True
    _set_end(task, book, lot)
    if not lot.active:
        lot.available_at = begins
        book.due_by(begins)
    elif begins is not None and begins <= ledger.now:
        lot.available_at = begins
    _move(task.shop, book, lot, ledger.now, counted)
    if not lot.active and begins is not None and begins <= ledger.now:
        lot_care.activate(ledger, notices, task.shop, book, lot)


def _set_end(task: Task, book: Book, lot: LotRow) -> None:
    program = task.program
    if task.day is None:
        return
    ends = end_after(program.expiry, task.day, program.zone)
    if ends is not None and program.expiry.kind == "sliding" and book.active_at is not None:
        ends = max(ends, expires_at(program.expiry, book.active_at, program.zone) or ends)
    if ends != lot.expires_at:
        lot.expires_at, lot.warned = ends, None
        lot_care.watch(program, book, lot)


def _counts(shop: Shop, lot: LotRow, now: datetime) -> bool:
    """Whether the lot is in the window that the member's tier counts now."""
    program = shop.current
    return counts_in(program.tiers, moment_of(program.tiers.basis, lot), now, program.zone)


def _move(shop: Shop, book: Book, lot: LotRow, now: datetime, counted: bool) -> None:
    """Have the lot count in the present window, or no longer."""
    counts = _counts(shop, lot, now)
    if counts is not counted:
        value = value_of(shop.current.tiers.basis, lot)
        book.score += value if counts else -value
        book.scored = True
