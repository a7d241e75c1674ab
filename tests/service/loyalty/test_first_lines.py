"""An order's first points are written with their lot in one row; the tables hold what two rows would have made."""

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from comeback_kit.db import Connection
from loyalty import members, posting
from loyalty.books import Book, LotRow
from loyalty.ledger import Ledger
from loyalty.lots import Take
from loyalty.memo import Memo
from loyalty.settlement import Settlement
from tests.service.loyalty.world import START, World

EXPIRES = START + timedelta(days=365)
Deed = Callable[[Ledger, Book, LotRow], object]


class Undone(Exception): ...


def nothing(ledger: Ledger, book: Book, lot: LotRow) -> None: ...


def counted(ledger: Ledger, book: Book, lot: LotRow) -> None:
    lot.spend, lot.orders = 7_000, 1


def clawed_back(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.settle(book, lot, Settlement(from_pending=0, from_active=30), Memo(order_id="1", reason="order_refunded"))


def cancelled(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.settle(book, lot, Settlement(from_pending=30), Memo(order_id="1", reason="order_refunded"))


def owed(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.settle(book, lot, Settlement(shortfall=5), Memo(order_id="1", reason="order_refunded"))


def taken_from_others(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.settle(book, lot, Settlement(from_others=100), Memo(order_id="1", reason="order_refunded"))


def held(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.hold(book, [Take(lot.lot_id, 40)], Memo(redemption_id="r1"))


def spent(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.hold(book, [Take(lot.lot_id, 40)], Memo(redemption_id="r1"))
    ledger.spend(book, [Take(lot.lot_id, 40)], Memo(redemption_id="r1"))


def expired(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.expire(book, lot)


def activated(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.activate(book, lot)


def slid(ledger: Ledger, book: Book, lot: LotRow) -> None:
    lot.expires_at = EXPIRES + timedelta(days=1)


def warned(ledger: Ledger, book: Book, lot: LotRow) -> None:
    lot.warned = 7


def earned_more(ledger: Ledger, book: Book, lot: LotRow) -> None:
    ledger.earn(book, lot, 11, Memo(order_id="1", rule_ids=("more",), expires_at=EXPIRES))


async def posted(tx: Connection, customer: str, available_at: datetime | None, deed: Deed, *, together: bool) -> Any:
    """What the tables hold of a member whose order earned 100 points, and to whom something happened then."""
    book = (await members.lock(tx, [("demo", customer)], START, create=True))["demo", customer]
    ledger = Ledger(START)
    ledger.enroll(book)
    lot = book.lots["order:1"] = LotRow.new(
        "order:1",
        order_id="1",
        program_version=3,
        earned_at=START,
        available_at=available_at,
        expires_at=EXPIRES,
        now=START,
    )
    ledger.earn_first(book, lot, 100, ("base", "coffee"))
    deed(ledger, book, lot)
    rows = posting.take(ledger, together=together)
    assert together or not rows.earned
    await posting.write(tx, rows, START)
    found = [await tx.fetch(f"select * from {table} where customer_id = $1", customer) for table in ("lots", "entries")]
    table = [sorted([{**row, "customer_id": "somebody"} for row in part], key=repr) for part in found]
    return table, len(rows.earned), posting.take(ledger)


@pytest.mark.parametrize(
    ("available_at", "deed"),
    [
        *[(START, deed) for deed in (nothing, counted, clawed_back, owed, taken_from_others, held, spent, expired)],
        *[(START, deed) for deed in (slid, warned, earned_more)],
        *[(at, deed) for at in (None, START + timedelta(days=14)) for deed in (nothing, cancelled, activated, slid)],
    ],
    ids=lambda each: getattr(each, "__name__", str(each)),
)
async def test_both_ways_of_writing_it_come_to_the_same(shop: World, available_at: datetime | None, deed: Deed) -> None:
    with contextlib.suppress(Undone):  # no order stands behind these points: the proof of the ledger would say so
        async with shop.service.runtime.db.work() as tx:
            one, count, left = await posted(tx, "one", available_at, deed, together=True)
            two, _, _ = await posted(tx, "two", available_at, deed, together=False)
            raise Undone
    assert one == two
    assert [len(part) for part in one] == [1, len(one[1])]
    assert count == (deed in (nothing, counted)), "whatever happened to the points is written row by row"
    assert [len(part) for part in left] == [0] * 5, "nothing is written twice"
