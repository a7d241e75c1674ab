"""Points given or taken by hand, and points passed on to another member."""

from typing import NamedTuple

from comeback_kit.db import Connection
from comeback_kit.errors import FieldError, Unprocessable
from loyalty import audit, lot_care, members
from loyalty.books import Book, LotRow
from loyalty.desk import Desk
from loyalty.errors import NotEnoughPoints, TransferNotPossible
from loyalty.expiry import expires_at
from loyalty.lots import allocate
from loyalty.memo import Memo
from loyalty.notices import transaction_id
from loyalty.room import room_of
from loyalty.schemas.members import AdjustmentBody


class Posted(NamedTuple):
    """A transaction that was posted by hand, and the member's balance after it."""

    customer_id: str
    seq: int
    balance: int

    @classmethod
    def last_of(cls, book: Book) -> "Posted":
        """The newest of a member."""
        return cls(book.customer_id, book.seq, book.balance)


async def adjust(tx: Connection, desk: Desk, customer_id: str, body: AdjustmentBody, *, actor: str) -> Posted:
    """Post an adjustment; the member is made where nobody knows them.

    A negative one beyond the balance raises ``NotEnoughPoints`` (409) unless the program lets balances go below 0.
    """
    book = await desk.member(tx, customer_id, create=True)
    if body.points > 0:
        _give(desk, book, body, actor)
    else:
        await _take(tx, desk, book, -body.points, body.reason, actor)
    detail = {"points": body.points, "reason": body.reason}
    await audit.record(tx, desk.shop_id, actor, "points.adjusted", book.customer_id, detail, desk.now)
    posted = Posted.last_of(book)
    await desk.close(tx)  # which may post what the balance reaches
    return posted


def _give(desk: Desk, book: Book, body: AdjustmentBody, actor: str) -> None:
    program = desk.shop.current
    available = body.available_at or desk.now
    _check_room(book, body.points)
    ends = body.expires_at or expires_at(program.expiry, max(available, desk.now), program.zone)
    if ends is not None and ends <= max(available, desk.now):
        raise Unprocessable(errors=[FieldError("/expires_at", "must be later than now and than available_at")])
    lot = LotRow.new(
        f"adjustment:{transaction_id(book.customer_id, book.seq + 1)}",
        program_version=desk.shop.newest,
        earned_at=desk.now,
        available_at=available,
        expires_at=ends,
        now=desk.now,
        scored=False,
    )
    book.lots[lot.lot_id] = lot
    lot_care.watch(program, book, lot)
    memo = Memo(reason=body.reason, actor=actor, expires_at=ends)
    desk.ledger.earn(book, lot, body.points, memo, kind="adjusted")


async def _take(tx: Connection, desk: Desk, book: Book, points: int, reason: str, actor: str) -> None:
    allowed = desk.shop.current.negative == "allow"
    if points > book.balance and not allowed:
        raise NotEnoughPoints(f"{max(0, book.balance)} points can be taken")
    await members.read_lots(tx, [book])
    takes, missing = allocate(book.spendable(desk.now), points)
    desk.ledger.withdraw(book, takes, missing, "adjusted", Memo(reason=reason, actor=actor))


def _check_room(book: Book, points: int) -> None:
    """Refuse what would take the member's points beyond what anybody may have."""
    room = room_of(book)
    if points > room:
        raise Unprocessable(errors=[FieldError("/points", f"must be at most {room}, what the member has room for")])


async def transfer(
    tx: Connection, desk: Desk, customer_id: str, to: str, points: int, *, keep_expiry: bool, actor: str
) -> tuple[Posted, Posted]:
    """Pass points on; only what can be spent now. Raises ``TransferNotPossible`` or ``NotEnoughPoints`` (409).

    ``keep_expiry`` gives the receiver lots with the sender's dates, else they are newly earned there.
    """
    sender, receiver = await _both(tx, desk, customer_id, to)
    if sender is receiver:
        raise TransferNotPossible("both are the same member")
    if points > sender.balance:
        raise _refusal(sender, points)
    _check_room(receiver, points)
    await members.read_lots(tx, [sender])
    takes, missing = allocate(sender.spendable(desk.now), points)
    taken: list[tuple[LotRow | None, int]] = [(sender.lots[take.lot_id], take.points) for take in takes]
    memo = Memo(reason=f"to:{receiver.customer_id}", actor=actor)
    desk.ledger.withdraw(sender, takes, missing, "transferred_out", memo)
    _receive(desk, sender, receiver, taken if keep_expiry else [(None, points)], actor)
    await audit.record(
        tx, desk.shop_id, actor, "points.transferred", sender.customer_id, {"to": to, "points": points}, desk.now
    )
    posted = Posted.last_of(sender), Posted.last_of(receiver)
    await desk.close(tx)
    return posted


async def _both(tx: Connection, desk: Desk, customer_id: str, to: str) -> tuple[Book, Book]:
    """Lock both in one order; the receiver is made, the sender must be known."""
    await members.make(tx, [(desk.shop_id, to)], desk.now)
    books = await desk.members(tx, [customer_id, to])
    return books[customer_id], books[to]


def _refusal(sender: Book, points: int) -> NotEnoughPoints:
    pending = f"; {sender.pending} are pending" if sender.pending else ""
    return NotEnoughPoints(f"{points} points are asked and {max(0, sender.balance)} can be transferred{pending}")


def _receive(desk: Desk, sender: Book, receiver: Book, parts: list[tuple[LotRow | None, int]], actor: str) -> None:
    program = desk.shop.current
    for source, points in parts:
        earned = desk.now if source is None else source.earned_at
        ends = expires_at(program.expiry, earned, program.zone) if source is None else source.expires_at
        lot = LotRow.new(
            _lot_id(receiver),
            program_version=desk.shop.newest if source is None else source.program_version,
            earned_at=earned,
            available_at=desk.now,
            expires_at=ends,
            now=desk.now,
            scored=False,
        )
        receiver.lots[lot.lot_id] = lot
        lot_care.watch(program, receiver, lot)
        memo = Memo(reason=f"from:{sender.customer_id}", actor=actor, expires_at=ends)
        desk.ledger.earn(receiver, lot, points, memo, kind="transferred_in")


def _lot_id(book: Book) -> str:
    return f"transfer:{transaction_id(book.customer_id, book.seq + 1)}"
