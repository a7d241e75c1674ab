"""Order → points: settles a batch of changed orders in one transaction, set by set (CONTRACT §4, "Settlement").

What an order is worth (its target) is recomputed from its merged state; only the difference to what is booked is
posted. So an event that comes again, or late, or in another order, changes nothing that it has not already changed.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from comeback_kit import outbox
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event, OutgoingEvent
from loyalty import due, members, order_vouchers, orders, posting, program_store, tiers
from loyalty.books import Book, Key
from loyalty.ledger import Ledger
from loyalty.meanwhile import Chain, meanwhile
from loyalty.member_facts import Counters, read_tags, read_usage
from loyalty.notices import Notices
from loyalty.order_task import Task
from loyalty.orders import OrderKey, OrderRow, OrderValues
from loyalty.posting import Rows
from loyalty.program_store import ShopCache
from loyalty.rules.evaluation import evaluate
from loyalty.rules.facts import usage_keys
from loyalty.rules.instants import placed_at
from loyalty.settling import Settling
from loyalty.shop import Shop

STEP: int = 250  # tests take shorter steps: a ``Final`` would be compiled in
"""How many orders are settled while PostgreSQL writes what the ones before have posted."""
SLICE: Final = 20
"""How many orders are weighed or settled between two looks at what PostgreSQL answers."""


async def settle_events(tx: Connection, events: Sequence[Event], context: Context, cache: ShopCache) -> None:
    """Take a batch of order events; safe to repeat."""
    # The shops first: whoever adds a shop or replaces its program waits for us, and so looks at our orders afterwards.
    shops = await program_store.load(tx, cache, {event.shopid for event in events}, settling=True)
    changed = await orders.take_events(tx, events, context)
    if changed:
        await settle(tx, changed, shops, context)


async def settle(tx: Connection, changed: Sequence[OrderRow], shops: dict[str, Shop], context: Context) -> None:
    """Bring the ledger to what these locked orders are worth, and write them. The shops were read for settling."""
    now = context.now
    tasks = _tasks(changed, shops)
    weighing = _weighed(tasks)
    vouchers = await order_vouchers.find(tx, tasks)
    keys: set[Key] = {key for task in tasks for key in task.members} | vouchers.members
    books = await meanwhile(members.lock(tx, keys, now, create=True), weighing)
    ledger, notices, counters = Ledger(now), Notices(now), Counters()
    for book in books.values():
        ledger.enroll(book)
    await vouchers.lock(tx, books)
    for task in tasks:
        task.join(books)
    await due.catch_up(tx, ledger, shops, notices)
    await meanwhile(tiers.read_scores(tx, shops, ledger.books.values(), now), weighing)
    await meanwhile(_prepare(tx, tasks, books, vouchers.members), weighing)
    writing = Chain()
    try:
        written = await _settle_all(tx, tasks, Settling(ledger, notices, counters), writing)
        if vouchers.are_some:
            await writing.done()
            await vouchers.apply(tx, ledger, shops, notices)
        rows = orders.rows_of([order for order in changed if order.key not in written])
        context.writing()
    finally:
        await writing.done()
    await orders.write(tx, rows)
    await posting.flush(tx, ledger, vouchers.back, vouchers.taken)
    await counters.write(tx)
    await notices.send(tx)


async def _settle_all(tx: Connection, tasks: Sequence[Task], settling: Settling, writing: Chain) -> set[OrderKey]:
    """Settle one after the other, and have written what some post while the next are settled; the last are left.

    Answers the orders whose rows are being written.
    """
    written: set[OrderKey] = set()
    for first in range(0, len(tasks), STEP):
        step = tasks[first : first + STEP]
        for place, task in enumerate(step, 1):
            settling.settle(task)
            if task.book is not None and task.book.forgotten_at is not None:
                task.forget_notes(task.book.forgotten_at)
            if place % SLICE == 0:
                await asyncio.sleep(0)  # the next statement of what is being written leaves
        if first + STEP < len(tasks):
            done = [task.order for task in step]
            posts = posting.take(settling.ledger, together=True), orders.rows_of(done), settling.notices.take()
            writing.add(partial(_write, tx, *posts, settling.ledger.now))
            written.update(order.key for order in done)
    return written


async def _write(
    tx: Connection, points: Rows, rows: Sequence[OrderValues], events: Sequence[OutgoingEvent], now: datetime
) -> None:
    await orders.write(tx, rows)  # first: it is here that two who have the same new order meet
    await posting.write(tx, points, now)
    await outbox.add(tx, events)


def _weighed(tasks: Sequence[Task]) -> Iterator[None]:
    """What of the orders needs no member, a few at a time."""
    for first in range(0, len(tasks), SLICE):
        for task in tasks[first : first + SLICE]:
            task.weigh()
        yield


def _tasks(changed: Iterable[OrderRow], shops: dict[str, Shop]) -> list[Task]:
    tasks = []
    for order in changed:
        shop = shops.get(order.shop_id)
        order.waiting = shop is None
        if shop is None or order.known is None or not order.has_snapshot:
            continue
        version = order.program_version
        if version is None:
            version = shop.newest if shop.is_sole else shop.version_at(placed_at(order.known.view))
        tasks.append(Task(order, shop, version))
    return tasks


async def _prepare(tx: Connection, tasks: Sequence[Task], books: dict[Key, Book], spenders: Iterable[Key]) -> None:
    """Read what the settlement of these tasks will ask, and no more."""
    tagged, counted, lots = [], [], {books[key].key: books[key] for key in spenders if key in books}
    named: dict[Key, list[str]] = {}
    for task in tasks:
        book, program = task.book, task.program
        if task.is_first:
            if book is not None and program.needs_tags:
                tagged.append(book)
            if book is not None and program.needs_usage and not book.is_new and task.weigh() and task.day is not None:
                counted += [(*book.key, key) for key in usage_keys(program, task.day)]
        elif task.order.kept is not None and book is not None:
            task.evaluation = evaluate(program, task.view, task.order.kept)
        for one in task.needs_lots():
            lots[one.key] = one
            named.setdefault(one.key, []).append(task.order.lot_id)
    await read_tags(tx, tagged)
    await read_usage(tx, books, counted)
    if lots:
        await members.read_lots(tx, lots.values(), named)
