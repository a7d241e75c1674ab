"""A hold that time has ended is taken again: its order was placed while it lasted, and its event came late.

The shop gave the discount then. That its event was slower than the timer must not make it a present.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from loyalty.books import Book
from loyalty.ledger import Ledger
from loyalty.lots import Take, allocate
from loyalty.memo import Memo
from loyalty.redemption_rows import Redemption
from loyalty.redemption_rules import value_of
from loyalty.settlement import Mode
from loyalty.shop import Shop

logger: Final = logging.getLogger(__name__)


def is_of_its_time(one: Redemption, placed: datetime) -> bool:
    """Whether an order was placed while the hold lasted. Shops stamp orders in whole seconds."""
    ends = one.expires_at
    return ends is not None and one.created_at.replace(microsecond=0) <= placed < ends


def take_again(ledger: Ledger, shop: Shop, book: Book, one: Redemption, negative: Mode) -> None:
    """Hold an expired redemption's points once more, for ``resolving.spend``. The member's open lots are read.

    Points that ran out when the timer freed them are taken all the same: they would not have, had the order been in
    time. Others that are gone by now make a balance below 0 with ``allow``; else fewer points are held: a redemption
    is no order, which could owe the rest.
    """
    memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id)
    ran_out = _ran_out(book, one, ledger.now)
    if ran_out:
        ledger.restore(book, ran_out, msgspec.structs.replace(memo, reason="late_order"))
    takes, missing = _there(book, one, ran_out, ledger.now)
    overdrawn: tuple[Take, ...] = ()
    if missing and negative == "allow":
        overdrawn = _of_lots_short(one, takes, missing)
    elif missing:
        logger.warning("late redemption %s of %s is %d points short", one.redemption_id, one.shop_id, missing)
        _make_less(one, shop, one.points - missing)
    one.takes = _joined((*takes, *overdrawn))
    one.state, one.resolved_at, one.changed = "held", None, True
    if one.takes:
        ledger.hold(book, one.takes, memo, overdrawn=overdrawn)


def _ran_out(book: Book, one: Redemption, now: datetime) -> tuple[Take, ...]:
    """What ran out because the hold ended: points that are held or spent do not run out."""
    takes = []
    for take in one.takes:
        lot = book.lots[take.lot_id]
        if lot.expired and lot.expires_at is not None and lot.expires_at <= now:
            takes.append(Take(take.lot_id, min(take.points, lot.expired)))
    return tuple(takes)


def _there(book: Book, one: Redemption, ran_out: Iterable[Take], now: datetime) -> tuple[tuple[Take, ...], int]:
    """What of the points can be taken, from the lots that they were in first, and how many are missing."""
    lots = {lot.lot_id: lot for lot in book.spendable(now)}
    takes = list(ran_out)
    for take in one.takes:
        if take.lot_id in lots:
            lot = lots[take.lot_id]
            part = min(take.points, lot.remaining)
            takes.append(Take(take.lot_id, part))
            lots[take.lot_id] = msgspec.structs.replace(lot, remaining=lot.remaining - part)
    others, missing = allocate(lots.values(), one.points - sum(take.points for take in takes))
    return (*takes, *others), missing


def _of_lots_short(one: Redemption, takes: tuple[Take, ...], missing: int) -> tuple[Take, ...]:
    """The missing points as those of the lots that they were in: a return gives them back with the same expiry."""
    found = {take.lot_id: take.points for take in _joined(takes)}
    short = []
    for take in one.takes:
        part = min(missing, max(0, take.points - found.get(take.lot_id, 0)))
        if part:
            short.append(Take(take.lot_id, part))
            missing -= part
    return tuple(short)


def _make_less(one: Redemption, shop: Shop, points: int) -> None:
    """As a confirm of fewer points does: ``points`` and ``value`` say what was paid, not what the order was given."""
    one.points = points
    rate = None if one.currency is None else shop.current.rate(one.currency)
    if one.source == "order" and rate is not None:
        one.value = value_of(shop.current.document, points, rate)


def _joined(takes: tuple[Take, ...]) -> tuple[Take, ...]:
    """One take per lot, in the order of the first ones."""
    sums: dict[str, int] = {}
    for take in takes:
        sums[take.lot_id] = sums.get(take.lot_id, 0) + take.points
    return tuple(Take(lot_id, points) for lot_id, points in sums.items() if points)
