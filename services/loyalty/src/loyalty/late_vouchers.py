"""Points of a redemption that were free meanwhile are taken again, because its order has had the discount.

A hold that time has ended is, where its order was placed while it lasted and the event came late; what a cancellation
or a refund gave back is, where the shop takes that back.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from comeback_kit.db import Connection
from loyalty.books import Book, LotRow
from loyalty.ledger import Ledger
from loyalty.lots import Take, allocate, joined, part_of
from loyalty.memo import Memo
from loyalty.redemption_rows import Redemption
from loyalty.redemption_rules import value_of
from loyalty.settlement import Mode
from loyalty.shop import Shop

logger: Final = logging.getLogger(__name__)
# Of a redemption's points in a lot those that had run out when an order took them, less what came back since. Points
# of others run out of the same lot beside them, so what is expired of the lot as a whole does not tell. What came back
# before they were taken does not count, hence the least sum. Entries stay under the id of somebody who was merged.
_TOLD: Final = """
select shop_id, customer_id, lot_id, redemption_id, (sum(points) - least(0, min(so_far)))::bigint as points from (
  select u.*, p.points,
    sum(p.points) over (partition by u.shop_id, u.customer_id, u.lot_id, u.redemption_id
      order by e.created_at, e.customer_id, e.seq, e.line) as so_far
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) u(shop_id, customer_id, lot_id, redemption_id)
  join members m on m.shop_id = u.shop_id and (m.customer_id = u.customer_id or m.merged_into = u.customer_id)
  join entries e on e.shop_id = m.shop_id and e.customer_id = m.customer_id and e.lot_id = u.lot_id
    and e.redemption_id = u.redemption_id
  cross join lateral (select case when e.debit = 'expired' then e.points else -e.points end as points) p
  where e.debit = 'expired' or e.debit = 'spent') x
group by shop_id, customer_id, lot_id, redemption_id"""


def is_of_its_time(one: Redemption, placed: datetime) -> bool:
    """Whether an order was placed while the hold lasted. Shops stamp orders in whole seconds."""
    ends = one.expires_at
    return ends is not None and one.created_at.replace(microsecond=0) <= placed < ends


async def recall(tx: Connection, owned: Iterable[tuple[Book, Redemption]], now: datetime) -> None:
    """Find out of which points that may come back now, only to run out, their members were told that before.

    The lots are read. There are some where points ran out as a hold ended, or as an order gave them back.
    """
    wanted = {
        (*book.key, take.lot_id, one.redemption_id): one
        for book, one in owned
        for take in one.takes
        if one.state == "spent" and _is_over(book.lots[take.lot_id], now)
    }
    if wanted:
        rows = await tx.fetch(_TOLD, *[list(column) for column in zip(*sorted(wanted), strict=True)])
        for shop_id, customer_id, lot_id, redemption_id, points in rows:
            wanted[shop_id, customer_id, lot_id, redemption_id].told[lot_id] = points


def take_again(ledger: Ledger, shop: Shop, book: Book, one: Redemption, negative: Mode) -> None:
    """Hold an expired redemption's points once more, for ``resolving.spend``. The member's open lots are read."""
    memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id)
    one.takes, missing = _hold(ledger, book, one, one.takes, memo, negative)
    if missing:
        logger.warning("late redemption %s of %s is %d points short", one.redemption_id, one.shop_id, missing)
        _make_less(one, shop, one.points - missing)
    one.state, one.resolved_at, one.changed = "held", None, True


def spend_again(ledger: Ledger, book: Book, one: Redemption, until: int, negative: Mode) -> None:
    """Spend again what a return gave back, until ``until`` points of the redemption are returned: its order lives on.

    What is not there any more stays returned. Nothing is told: the return was not, and the redemption was before.
    """
    memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id, reason="order_changed")
    kept = one.takes_of_first(one.spent - one.returned)
    wanted = joined(part_of(one.takes, one.spent - one.returned, one.spent - until))
    takes, missing = _hold(ledger, book, one, wanted, memo, negative)
    if missing:
        logger.warning("redemption %s of %s is %d points short", one.redemption_id, one.shop_id, missing)
    if takes:
        ledger.spend(book, takes, memo)
    if takes or not one.spent:
        # Not joined: what stays returned of a lot comes after the other lots that were taken from in its stead.
        one.takes = (*kept, *takes, *part_of(one.takes, one.spent - until - missing, one.spent))
        one.returned, one.changed = until + missing, True
        if one.state == "returned":
            one.state, one.resolved_at = "spent", ledger.now


def _hold(
    ledger: Ledger, book: Book, one: Redemption, wanted: tuple[Take, ...], memo: Memo, negative: Mode
) -> tuple[tuple[Take, ...], int]:
    """Hold points that were in these lots; answers the lots they were taken from, and how many are missing.

    Points that ran out when they were freed are taken all the same: they would not have, had the order been in time.
    Others that are gone by now make a balance below 0 with ``allow``; else they are missing: a redemption is no order,
    which could owe the rest.
    """
    ran_out = _ran_out(book, wanted, ledger.now)
    if ran_out:
        ledger.restore(book, ran_out, msgspec.structs.replace(memo, reason=memo.reason or "late_order"))
        for take in ran_out:
            one.told[take.lot_id] = one.told.get(take.lot_id, 0) + take.points
    takes, missing = _there(book, wanted, ran_out, ledger.now)
    overdrawn: tuple[Take, ...] = ()
    if missing and negative == "allow":
        # The first ones, so that a return gives them back with the expiry that they had.
        overdrawn, missing = part_of(_without(wanted, takes), 0, missing), 0
    takes = joined((*takes, *overdrawn))
    if takes:
        ledger.hold(book, takes, memo, overdrawn=overdrawn)
    return takes, missing


def _ran_out(book: Book, wanted: Iterable[Take], now: datetime) -> tuple[Take, ...]:
    """What ran out because it was freed: points that are held or spent do not run out."""
    takes = []
    for take in wanted:
        lot = book.lots[take.lot_id]
        if lot.expired and _is_over(lot, now):
            takes.append(Take(take.lot_id, min(take.points, lot.expired)))
    return tuple(takes)


def _is_over(lot: LotRow, now: datetime) -> bool:
    return lot.expires_at is not None and lot.expires_at <= now


def _there(book: Book, wanted: Sequence[Take], ran_out: Iterable[Take], now: datetime) -> tuple[tuple[Take, ...], int]:
    """What of the points can be taken, from the lots that they were in first, and how many are missing."""
    lots = {lot.lot_id: lot for lot in book.spendable(now)}
    takes = list(ran_out)
    for take in wanted:
        if take.lot_id in lots:
            lot = lots[take.lot_id]
            part = min(take.points, lot.remaining)
            takes.append(Take(take.lot_id, part))
            lots[take.lot_id] = msgspec.structs.replace(lot, remaining=lot.remaining - part)
    others, missing = allocate(lots.values(), _sum(wanted) - _sum(takes))
    return (*takes, *others), missing


def _sum(takes: Iterable[Take]) -> int:
    return sum(take.points for take in takes)


def _without(takes: Iterable[Take], others: Iterable[Take]) -> tuple[Take, ...]:
    """What of each lot is more than the others have of it."""
    found = {take.lot_id: take.points for take in joined(others)}
    rest = (Take(take.lot_id, take.points - found.get(take.lot_id, 0)) for take in takes)
    return tuple(take for take in rest if take.points > 0)


def _make_less(one: Redemption, shop: Shop, points: int) -> None:
    """As a confirm of fewer points does: ``points`` and ``value`` say what was paid, not what the order was given."""
    one.points = points
    rate = None if one.currency is None else shop.current.rate(one.currency)
    if one.source == "order" and rate is not None:
        one.value = value_of(shop.current.document, points, rate)
