"""How a held redemption ends: spent, freed, or given back after a refund. In memory; the caller has the locks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from comeback_contracts.envelope import Origin
from comeback_contracts.instants import format_instant
from loyalty import lot_care
from loyalty.books import Book
from loyalty.ledger import Ledger
from loyalty.lots import Take
from loyalty.memo import Memo
from loyalty.notices import Notices
from loyalty.redemption_rows import Redemption, State
from loyalty.shop import Shop


def spend(
    ledger: Ledger, notices: Notices, shop: Shop, book: Book, one: Redemption, points: int, origin: Origin | None = None
) -> None:
    """Spend ``points`` of a held redemption; the rest is free again."""
    memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id)
    takes = one.takes_of_first(points)
    seq = book.seq
    if takes:
        seq = ledger.spend(book, takes, memo)
    freed = _rest(one, takes)
    if freed:
        ledger.release(book, freed, memo)
        lot_care.came_back(ledger, notices, shop, book, [take.lot_id for take in freed])
    one.points = one.spent = points
    _end(one, "spent", ledger.now)
    more: dict[str, Any] = {"redemption_id": one.redemption_id}
    if points:
        notices.points("redeemed", book, points, seq, order_id=one.order_id, origin=origin, more=more)
    if one.reward_id is not None:
        data = {
            "customer_id": book.customer_id,
            "reward_id": one.reward_id,
            "redemption_id": one.redemption_id,
            "points": points,
            "code": one.code,
            "order_id": one.order_id,
            "at": format_instant(ledger.now),
        }
        notices.tell("reward.redeemed", book.shop_id, book.customer_id, data, what=one.redemption_id, origin=origin)


def free(
    ledger: Ledger, notices: Notices, shop: Shop, book: Book, one: Redemption, state: State, reason: str | None = None
) -> None:
    """Give all points of a held redemption back: it was cancelled, or its time ran out."""
    if one.takes:
        memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id, reason=reason)
        ledger.release(book, one.takes, memo)
        lot_care.came_back(ledger, notices, shop, book, [take.lot_id for take in one.takes])
    _end(one, state, ledger.now)


def give_back(
    ledger: Ledger, notices: Notices, shop: Shop, book: Book, one: Redemption, until: int, reason: str | None = None
) -> None:
    """Give spent points back until ``until`` of them have come back in all; all of them end the redemption."""
    takes = one.returning(until)
    if takes:
        memo = Memo(order_id=one.order_id, redemption_id=one.redemption_id, reason=reason)
        ledger.give_back(book, takes, memo)
        for take in takes:  # of those first of which the member was told already
            again = min(one.told.get(take.lot_id, 0), take.points)
            if again:
                one.told[take.lot_id] -= again
                book.lots[take.lot_id].told += again
        lot_care.came_back(ledger, notices, shop, book, [take.lot_id for take in takes])
        for lot in [book.lots[take.lot_id] for take in takes]:
            lot.told = min(lot.told, lot.expired)  # what did not run out again, but paid a debt
    one.returned, one.changed = until, True
    if until >= one.spent:
        _end(one, "returned", ledger.now)


def _rest(one: Redemption, takes: Iterable[Take]) -> tuple[Take, ...]:
    kept = {take.lot_id: take.points for take in takes}
    rest = (Take(take.lot_id, take.points - kept.get(take.lot_id, 0)) for take in one.takes)
    return tuple(take for take in rest if take.points)


def _end(one: Redemption, state: State, now: datetime) -> None:
    one.state, one.resolved_at, one.changed = state, now, True
