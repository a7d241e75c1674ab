"""Redemptions that orders bring to an end: a held code in ``discounts[].code`` is spent, a refund gives points back.

A code counts as held where the order was placed while it was, whether or not the timer has rung since.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from comeback_contracts.order_view import OrderView
from comeback_contracts.remaining import refunds_of
from comeback_kit.db import Connection
from comeback_kit.errors import TransientError
from loyalty import late_vouchers, members, redemption_rows, resolving, tiers
from loyalty.books import Book, Key
from loyalty.ledger import Ledger
from loyalty.notices import Notices
from loyalty.order_task import Task
from loyalty.redemption_rows import Redemption
from loyalty.redemption_rules import points_to_return
from loyalty.rewards import RewardKey
from loyalty.rules.counting import goods_left
from loyalty.rules.instants import placed_at
from loyalty.shop import Shop

_FIND: Final = """
select r.shop_id, r.redemption_id, r.customer_id
from unnest($1::text[], $2::text[]) u(shop_id, code) join redemptions r using (shop_id, code)
where r.state in ('held', 'spent', 'expired')
union
select r.shop_id, r.redemption_id, r.customer_id
from unnest($3::text[], $4::text[]) u(shop_id, order_id) join redemptions r using (shop_id, order_id)
where r.state in ('spent', 'returned')"""


class Vouchers:
    """The redemptions that a batch of orders may end."""

    def __init__(self, tasks: Sequence[Task], found: Iterable[tuple[str, str, str]]) -> None:
        rows = list(found)
        self._tasks = tasks
        self._keys = [(shop_id, redemption_id) for shop_id, redemption_id, _ in rows]
        self._held: list[Redemption] = []
        self._books: Mapping[Key, Book] = {}
        self.back: list[RewardKey] = []
        self.taken: list[RewardKey] = []
        self.members: set[Key] = {(shop_id, customer_id) for shop_id, _, customer_id in rows}

    @property
    def are_some(self) -> bool:
        """Whether any were found and locked."""
        return bool(self._held)

    async def lock(self, tx: Connection, books: Mapping[Key, Book]) -> None:
        """Lock them after their members, and read the lots that they took from."""
        self._books = books
        self._held = await redemption_rows.lock(tx, self._keys)
        named: dict[Key, list[str]] = {}
        owners = []
        for one in self._held:
            book = books.get((one.shop_id, one.customer_id))
            if book is None:
                raise TransientError("a redemption's member was merged at the same time")
            owners.append(book)
            named.setdefault(book.key, []).extend(take.lot_id for take in one.takes)
        await members.read_lots(tx, owners, named)

    async def apply(self, tx: Connection, ledger: Ledger, shops: Mapping[str, Shop], notices: Notices) -> None:
        """Spend and give back, order by order. The caller moves the stock of the rewards ``back`` and ``taken``."""
        by_hand = await redemption_rows.returned_by_hand(tx, self._perhaps_too_much())
        await late_vouchers.recall(tx, self._ending(), ledger.now)
        by_code = {(one.shop_id, one.code): one for one in self._held}
        for task in self._tasks:
            shop_id, order_id = task.order.key
            for code in _codes(task):
                one = by_code.get((shop_id, code)) or by_code.get((shop_id, code.upper()))
                if one is not None:
                    self._carry(task, one, ledger, shops[shop_id], notices)
            for one in self._held if _may_return(task) else ():
                if one.shop_id == shop_id and one.order_id == order_id and one.state in ("spent", "returned"):
                    self._after_refunds(task, one, ledger, shops[shop_id], notices)
                    self._after_less(task, one, ledger, shops[shop_id], notices, by_hand.get(one.key))
        await redemption_rows.write(tx, self._held)

    def _carry(self, task: Task, one: Redemption, ledger: Ledger, shop: Shop, notices: Notices) -> None:
        late = one.state == "expired"
        if (late or one.is_over(ledger.now)) and not late_vouchers.is_of_its_time(one, placed_at(task.view)):
            return
        if one.state == "held" or late:
            one.order_id, one.changed = task.order.order_id, True
            book = self._books[one.shop_id, one.customer_id]
            if late:
                late_vouchers.take_again(ledger, shop, book, one, task.program.negative)
                if one.reward_id is not None:
                    self.taken.append((one.shop_id, one.reward_id))
            resolving.spend(ledger, notices, shop, book, one, one.points, task.order.cause)
            tiers.look(ledger, shop, book, ledger.now, notices)
        elif one.state == "spent" and one.order_id is None:
            one.order_id, one.changed = task.order.order_id, True

    def _after_refunds(self, task: Task, one: Redemption, ledger: Ledger, shop: Shop, notices: Notices) -> None:
        back = _to_return(task, one)
        if back > one.returned or (one.state == "spent" and not one.spent and _is_all_back(task)):
            book = self._books[one.shop_id, one.customer_id]
            left, _ = goods_left(task.view)
            reason = "order_cancelled" if left == 0 and not refunds_of(task.view) else "order_refunded"
            resolving.give_back(ledger, notices, shop, book, one, back, reason)
            tiers.look(ledger, shop, book, ledger.now, notices)  # what came back counts where tiers count balances
            if one.state == "returned" and one.reward_id is not None:
                self.back.append((one.shop_id, one.reward_id))

    def _after_less(
        self, task: Task, one: Redemption, ledger: Ledger, shop: Shop, notices: Notices, by_hand: int | None
    ) -> None:
        """The order lives on, or less of it was refunded than was said before; what was returned by hand stays so."""
        until = max(by_hand or 0, _to_return(task, one))
        if until < one.returned or (by_hand is None and _is_too_much(task, one)):
            was = one.state
            book = self._books[one.shop_id, one.customer_id]
            late_vouchers.spend_again(ledger, book, one, until, task.program.negative)
            tiers.look(ledger, shop, book, ledger.now, notices)
            if was != one.state and one.reward_id is not None:
                self.taken.append((one.shop_id, one.reward_id))

    def _ending(self) -> list[tuple[Book, Redemption]]:
        """Redemptions of orders that may give points back, with their members."""
        ended = {task.order.key for task in self._tasks if _may_return(task)}
        found = [one for one in self._held if (one.shop_id, one.order_id or "") in ended] if ended else ()
        return [(self._books[one.shop_id, one.customer_id], one) for one in found]

    def _perhaps_too_much(self) -> list[tuple[str, str]]:
        """Redemptions of which more was returned than their order asks for now, be it by hand."""
        tasks = {task.order.key: task for task in self._tasks if _may_return(task)}
        found = []
        for one in self._held:
            task = tasks.get((one.shop_id, one.order_id or ""))
            if task is not None and _is_too_much(task, one):
                found.append(one.key)
        return found


def _to_return(task: Task, one: Redemption) -> int:
    left, full = goods_left(task.view)
    return points_to_return(task.program.document.spent_points, one.spent, left=left, full=full)


def _is_all_back(task: Task) -> bool:
    """Whether nothing is left of the order, and that ends what was spent on it, also where that were no points."""
    left, _ = goods_left(task.view)
    return left <= 0 and task.program.document.spent_points != "never"


def _is_too_much(task: Task, one: Redemption) -> bool:
    if one.spent:
        return _to_return(task, one) < one.returned
    return one.state == "returned" and not _is_all_back(task)


def _codes(task: Task) -> list[str]:
    return [one.code for one in task.view.discounts or () if one.code]


async def find(tx: Connection, tasks: Sequence[Task]) -> Vouchers:
    """The redemptions whose code these orders carry, or that were spent on those ever refunded or cancelled."""
    # Made codes are upper case. Shops take them as they are typed, and some write them in lower case.
    codes = sorted(
        {(task.order.shop_id, one) for task in tasks for code in _codes(task) for one in (code, code.upper())}
    )
    ended = sorted({task.order.key for task in tasks if _may_return(task)})
    if not codes and not ended:
        return Vouchers(tasks, ())
    rows = await tx.fetch(
        _FIND,
        [one[0] for one in codes],
        [one[1] for one in codes],
        [one[0] for one in ended],
        [one[1] for one in ended],
    )
    return Vouchers(tasks, [tuple(row) for row in rows])


def _may_return(task: Task) -> bool:
    before = task.order.before
    return _is_ended(task.view) or (before is not None and _is_ended(before.view))


def _is_ended(order: OrderView) -> bool:
    return bool(order.refunds) or order.state == "cancelled" or order.payment_state in ("refunded", "voided")
