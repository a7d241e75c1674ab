"""The settlement of one order for one member, on books in memory."""

from datetime import datetime
from typing import Any

from loyalty import lot_care, tiers
from loyalty.books import Book, LotRow
from loyalty.expiry import end_after
from loyalty.ledger import Ledger
from loyalty.member_facts import Counters, facts_of
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.order_task import Task
from loyalty.orders import OrderRow
from loyalty.pending import available_at
from loyalty.redating import redate
from loyalty.room import room_to_earn, spend_within, target_within
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.evaluation import Evaluation, evaluate
from loyalty.rules.facts import fix_on
from loyalty.rules.instants import delivered_at, placed_at
from loyalty.rules.kept import NOTHING_KEPT
from loyalty.settlement import NOTHING, Settlement, settle

_NOTHING = Evaluation()


class Settling:
    """Settles tasks one after the other: what one fixes, the next one sees."""

    def __init__(self, ledger: Ledger, notices: Notices, counters: Counters) -> None:
        self.ledger = ledger
        self.notices = notices
        self._counters = counters

    def settle(self, task: Task) -> None:
        """Post the difference between what the order is worth and what is booked for it."""
        order, book = task.order, task.book
        if task.left is not None:
            self._leave(task, task.left)
        if book is None:
            return
        _revive(task, book)
        if order.kept is None and not self._fix(task, book):
            return
        evaluation = task.evaluation or _NOTHING
        lot = book.lots.get(order.lot_id)
        if lot is None:
            if evaluation.points == order.settled and evaluation.amount == order.amount:
                return  # nothing moved, so the lot was not read
            raise AssertionError(f"the lot of order {order.order_id} was not read")
        if task.weigh() and task.at is not None and task.at != lot.earned_at:
            redate(self.ledger, self.notices, task, book, lot, begins=self._available_at(task, task.at))
        self._reschedule(task, book, lot)
        self._post(task, book, lot, evaluation, self._reason(task))
        if evaluation.counts:
            _slide(task, book, lot)
        if lot.remaining and lot.expires_at is not None and lot.expires_at <= self.ledger.now:
            lot_care.expire_passed(self.ledger, self.notices, task.shop, book, self.ledger.now)
        tiers.look(self.ledger, task.shop, book, self.ledger.now, self.notices)

    def _fix(self, task: Task, book: Book) -> bool:
        """Fix what depends on the member; False while the order does not count."""
        order, program = task.order, task.program
        if not task.weigh() or task.at is None or task.day is None:
            return False
        at, day = task.at, task.day
        order.kept = NOTHING_KEPT
        if program.depends_on_member:
            order.kept = fix_on(program, day, facts_of(program, book), program.counted)
        order.program_version, order.customer_id = task.version, book.customer_id
        book.orders_fixed += 1
        task.evaluation = evaluate(program, task.view, order.kept, basket=task.basket)
        lot = book.lots.get(order.lot_id)
        if lot is None:
            lot = book.lots[order.lot_id] = LotRow.new(
                order.lot_id,
                order_id=order.order_id,
                program_version=task.version,
                earned_at=at,
                available_at=self._available_at(task, at),
                expires_at=end_after(program.expiry, day, program.zone),
                now=self.ledger.now,
            )
            order.settled = 0
        else:
            order.settled = lot.settled
        book.changed = True
        return True

    def _available_at(self, task: Task, earned: datetime) -> datetime | None:
        program = task.program
        if program.pending.kind == "none":
            return min(earned, self.ledger.now)  # a shop's clock that is ahead makes nothing pending
        return available_at(program.pending, earned, delivered_at(task.view), program.zone)

    def _leave(self, task: Task, book: Book) -> None:
        """The order belongs to somebody else now (or to nobody): take its points back from the member."""
        order = task.order
        lot = book.lots.get(order.lot_id)
        if lot is not None:
            self._post(task, book, lot, Evaluation(note="other_customer"), "customer_changed")
            book.orders_fixed -= 1
            tiers.look(self.ledger, task.shop, book, self.ledger.now, self.notices)
        if book.customer_id not in order.former:
            order.former = (*order.former, book.customer_id)
        order.customer_id = order.kept = None
        order.usage, order.settled, order.amount = {}, 0, 0

    def _reschedule(self, task: Task, book: Book, lot: LotRow) -> None:
        """A delivery that became known says when a pending lot can be spent."""
        pending = task.program.pending
        if lot.active or pending.kind != "delivered":
            return
        at = available_at(pending, lot.earned_at, delivered_at(task.view), task.program.zone)
        if at == lot.available_at:
            return
        lot.available_at = at
        lot.changed = book.changed = True  # a later day moves nothing else of the member
        book.due_by(at)
        if at is not None and at <= self.ledger.now:
            lot_care.activate(self.ledger, self.notices, task.shop, book, lot)

    def _post(self, task: Task, book: Book, lot: LotRow, evaluation: Evaluation, reason: str) -> None:
        order, ledger = task.order, self.ledger
        if lot.is_new and not lot.earned and book.balance >= 0:
            self._post_first(task, book, lot, evaluation)
            return
        before = lot.settled
        found = _difference(lot, target_within(book, lot, evaluation.points), task.program)
        if found.restored or (found.shortfall < 0 and not found.clawed):
            memo = Memo(order_id=order.order_id, rule_ids=evaluation.rule_ids, expires_at=lot.expires_at)
            seq = ledger.earn(book, lot, found.restored, memo, forgiven=max(0, -found.shortfall))
            if found.restored:
                lot_care.watch(task.program, book, lot)
                self._tell_earned(order, book, lot, found.restored, seq)
        elif not found.is_nothing:
            number = ledger.settle(book, lot, found, Memo(order_id=order.order_id, reason=reason))
            if found.clawed:
                more = {"shortfall": found.shortfall} if found.shortfall > 0 else None
                self.notices.points(
                    "clawed_back",
                    book,
                    found.clawed,
                    number,
                    order_id=order.order_id,
                    reason=reason,
                    origin=order.cause,
                    more=more,
                )
        self._count(task, book, lot, evaluation, lot.settled - before)
        order.settled = lot.settled

    def _post_first(self, task: Task, book: Book, lot: LotRow, evaluation: Evaluation) -> None:
        """What nearly every order comes to: a new lot, and nothing else to look at."""
        points = min(evaluation.points, room_to_earn(book))
        if points:
            seq = self.ledger.earn_first(book, lot, points, evaluation.rule_ids)
            lot_care.watch(task.program, book, lot)
            self._tell_earned(task.order, book, lot, points, seq)
        self._count(task, book, lot, evaluation, points)
        task.order.settled = points

    def _tell_earned(self, order: OrderRow, book: Book, lot: LotRow, points: int, seq: int) -> None:
        more: dict[str, Any] = {}
        if not lot.active:
            more["pending"] = True
            if lot.available_at is not None:
                more["available_at"] = lot.available_at
        if lot.expires_at is not None:
            more["expires_at"] = lot.expires_at
        self.notices.points("earned", book, points, seq, order_id=order.order_id, origin=order.cause, more=more or None)

    def _count(self, task: Task, book: Book, lot: LotRow, evaluation: Evaluation, points: int) -> None:
        """Move what tiers, limits and caps count of the order."""
        order = task.order
        spend = spend_within(book, evaluation.amount - lot.spend)
        counts = int(evaluation.counts) - lot.orders
        if spend or counts:
            lot.spend += spend
            lot.orders += counts
            book.lifetime_spend += spend
            book.lifetime_orders += counts
            lot.changed = book.changed = True
        tiers.count(task.shop, book, lot, self.ledger.now, points=points, spend=spend, orders=counts)
        if order.usage or evaluation.usage:
            self._counters.move(book, order.usage, evaluation.usage)
            order.usage = evaluation.usage
        order.amount = evaluation.amount

    def _reason(self, task: Task) -> str:
        if task.view.state == "cancelled":
            return "order_cancelled"
        return "order_refunded" if task.view.refunds else "order_changed"


def _difference(lot: LotRow, target: int, program: CompiledProgram) -> Settlement:
    """What is to be posted; of a lot that nothing was booked in, as most are, no account is made."""
    if lot.earned or lot.clawed or lot.shortfall:
        return settle(lot.account, target, program.negative)
    return Settlement(restored=target) if target else NOTHING


def _revive(task: Task, book: Book) -> None:
    """Somebody who was erased has bought again since."""
    if book.erased_at is not None and placed_at(task.view) > book.erased_at:
        book.erased_at, book.changed = None, True


def _slide(task: Task, book: Book, lot: LotRow) -> None:
    """With sliding expiry an order keeps all points of the member alive."""
    if task.program.expiry.kind == "sliding":
        lot_care.slide(task.shop, book, lot.earned_at)
