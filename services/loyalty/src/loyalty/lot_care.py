"""What happens to lots beside earning and spending: they become spendable, run out, and pay back a shortfall."""

from collections.abc import Iterable
from datetime import datetime

from loyalty import tiers
from loyalty.books import Book, LotRow
from loyalty.expiry import expires_at, first_look
from loyalty.ledger import Ledger
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.rules.compiled import CompiledProgram
from loyalty.settlement import reclaim
from loyalty.shop import Shop


def activate(
    ledger: Ledger, notices: Notices, shop: Shop, book: Book, lot: LotRow, *, at: datetime | None = None
) -> None:
    """A pending lot becomes spendable, at an instant or now, and the member is told that its points are earned."""
    points = lot.remaining
    seq = ledger.activate(book, lot)
    if points:
        if lot.scored:
            tiers.count(shop, book, lot, at or ledger.now, points=lot.settled, spend=0, orders=0)
        notices.points("earned", book, points, seq, order_id=lot.order_id)


def watch(program: CompiledProgram, book: Book, lot: LotRow) -> None:
    """Look at the member again before the first warning of a lot's expiry; the look itself finds the exact instant."""
    if lot.expires_at is not None:
        book.due_by(first_look(program.expiry, lot.expires_at))


def expire_passed(ledger: Ledger, notices: Notices, shop: Shop, book: Book, at: datetime) -> None:
    """Let run out what could be spent until ``at`` at the latest; soonest first. Of a point it is told once."""
    passed = [
        lot
        for lot in book.lots.values()
        if lot.active and lot.remaining > 0 and lot.expires_at is not None and lot.expires_at <= at
    ]
    for lot in sorted(passed, key=lambda one: (one.expires_at or at, one.lot_id)):
        settled = lot.settled
        seq = ledger.expire(book, lot)
        tiers.count(shop, book, lot, at, points=lot.settled - settled, spend=0, orders=0)
        if lot.expired > lot.told:
            notices.points("expired", book, lot.expired - lot.told, seq, order_id=lot.order_id)
            lot.told = lot.expired


def came_back(ledger: Ledger, notices: Notices, shop: Shop, book: Book, lot_ids: Iterable[str]) -> None:
    """Points were put back into these lots: an order's shortfall takes them, and what is past its expiry runs out."""
    for lot_id in sorted(set(lot_ids)):
        lot = book.lots[lot_id]
        program = shop.program(lot.program_version)
        watch(program, book, lot)
        if lot.shortfall:
            found = reclaim(lot.account, program.negative)
            if found.clawed:
                memo = Memo(order_id=lot.order_id, reason="shortfall")
                seq = ledger.settle(book, lot, found, memo)
                notices.points("clawed_back", book, found.clawed, seq, order_id=lot.order_id, reason="shortfall")
    expire_passed(ledger, notices, shop, book, ledger.now)


def slide(shop: Shop, book: Book, at: datetime) -> None:
    """The member did something at that instant: lots under a sliding expiry count from then."""
    if book.active_at is None or at > book.active_at:
        book.active_at, book.changed = at, True
    for lot in book.lots.values():
        program = shop.program(lot.program_version)
        if program.expiry.kind != "sliding" or not (lot.remaining or lot.held):
            continue
        ends = expires_at(program.expiry, max(book.active_at or at, lot.earned_at), program.zone)
        if ends is not None and (lot.expires_at is None or ends > lot.expires_at):
            lot.expires_at, lot.warned = ends, None
            lot.changed = book.changed = True
            watch(program, book, lot)
