"""Order → points: settles a batch of changed orders in one transaction, set by set (CONTRACT §4, "Settlement").

What an order is worth (its target) is recomputed from its merged state; only the difference to what is booked is
posted. So an event that comes again, or late, or in another order, changes nothing that it has not already changed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from loyalty import due, members, order_vouchers, orders, posting, program_store, tiers
from loyalty.books import Book, Key
from loyalty.ledger import Ledger
from loyalty.member_facts import Counters, read_tags, read_usage
from loyalty.notices import Notices
from loyalty.orders import OrderRow
from loyalty.program_store import Shop, ShopCache
from loyalty.rules.evaluation import evaluate
from loyalty.rules.facts import usage_keys
from loyalty.rules.instants import earned_at, placed_at
from loyalty.settling import Settling, Task

STEP: Final = 250
"""How many orders are settled while PostgreSQL writes what the ones before have posted."""

T = TypeVar("T")


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
    vouchers = await order_vouchers.find(tx, tasks)
    keys: set[Key] = {key for task in tasks for key in task.members} | vouchers.members
    books = await members.lock(tx, keys, now, create=True)
    ledger, notices, counters = Ledger(now), Notices(now), Counters()
    for book in books.values():
        ledger.enroll(book)
    await vouchers.lock(tx, books)
    for task in tasks:
        task.join(books)
    await due.catch_up(tx, ledger, shops, notices)
    await _prepare(tx, tasks, books, vouchers.members)
    await tiers.read_scores(tx, shops, ledger.books.values(), now)
    await _settle_all(tx, tasks, Settling(ledger, notices, counters), ledger)
    await vouchers.apply(tx, ledger, shops, notices)
    rows = await _meanwhile(posting.flush(tx, ledger), lambda: _encoded(changed, notices))
    context.writing()
    await orders.write(tx, rows)
    await counters.write(tx)
    await notices.send(tx)


async def _settle_all(tx: Connection, tasks: Sequence[Task], settling: Settling, ledger: Ledger) -> None:
    """Settle one after the other; what some post is written while the next are settled, the last is left to write."""
    writing: asyncio.Task[None] | None = None
    try:
        for first in range(0, len(tasks), STEP):
            if first:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(posting.write(tx, posting.take(ledger), ledger.now))
                await asyncio.sleep(0)  # the statement leaves
            for task in tasks[first : first + STEP]:
                settling.settle(task)
    finally:
        if writing is not None:
            await writing


async def _meanwhile(statements: Coroutine[Any, Any, None], work: Callable[[], T]) -> T:
    """Do some work of ours while PostgreSQL does its: the two take turns of one core each, not of one."""
    running = asyncio.create_task(statements)
    await asyncio.sleep(0)  # the statement leaves
    try:
        return work()
    finally:
        await running


def _encoded(changed: Sequence[OrderRow], notices: Notices) -> list[tuple[Any, ...]]:
    notices.encode()
    return orders.rows_of(changed)


def _tasks(changed: Iterable[OrderRow], shops: dict[str, Shop]) -> list[Task]:
    tasks = []
    for order in changed:
        shop = shops.get(order.shop_id)
        order.waiting = shop is None
        if shop is None or order.state is None or not order.has_snapshot:
            continue
        version = order.program_version
        if version is None:
            version = shop.newest if shop.is_sole else shop.version_at(placed_at(order.state))
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
            if book is not None and program.needs_usage:
                at = earned_at(program, task.state)
                counted += [(*book.key, key) for key in usage_keys(program, at)]
        elif task.order.kept is not None and book is not None:
            task.evaluation = evaluate(program, task.state, task.order.kept)
        for one in task.needs_lots():
            lots[one.key] = one
            named.setdefault(one.key, []).append(task.order.lot_id)
    await read_tags(tx, tagged)
    await read_usage(tx, books, counted)
    if lots:
        await members.read_lots(tx, lots.values(), named)
