"""Locking members in one order, so that batches, redemptions and jobs of the same members never deadlock.

First the missing ones are made, then those that were there are locked, both in (shop, id) order. Whoever waits for a
member that another transaction makes holds no lock yet, and nobody can wait for a lock on a member that is being made:
so nobody waits in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from comeback_kit.db import Connection
from loyalty.books import Book, Key, LotRow
from loyalty.columns import CURRENT, LOT_COLUMNS, MEMBER_COLUMNS

_COLUMNS: Final = ", ".join(f"m.{column}" for column in MEMBER_COLUMNS)
_CREATE: Final = f"""
insert into members as m (shop_id, customer_id, created_at, updated_at)
select u.shop_id, u.customer_id, $3, $3 from unnest($1::text[], $2::text[]) u(shop_id, customer_id)
where not exists (select from members x where x.shop_id = u.shop_id and x.customer_id = u.customer_id)
order by u.shop_id, u.customer_id
on conflict (shop_id, customer_id) do nothing
returning {_COLUMNS}"""
_LOCK: Final = f"""
select {_COLUMNS}
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join members m using (shop_id, customer_id)
order by m.shop_id, m.customer_id for update of m"""
_PEEK: Final = f"""
select {_COLUMNS} from members asked
join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
where asked.shop_id = $1 and asked.customer_id = $2"""
_LOTS: Final = f"""
select l.shop_id, l.customer_id, {", ".join(f"l.{column}" for column in LOT_COLUMNS)}
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join lots l using (shop_id, customer_id)
where l.remaining > 0 or l.held > 0
union
select l.shop_id, l.customer_id, {", ".join(f"l.{column}" for column in LOT_COLUMNS)}
from unnest($3::text[], $4::text[], $5::text[]) n(shop_id, customer_id, lot_id)
join lots l using (shop_id, customer_id, lot_id)"""


async def lock(tx: Connection, keys: Iterable[Key], now: datetime, *, create: bool) -> dict[Key, Book]:
    """Lock members in (shop, id) order and answer them by the id that was asked for.

    An id that was merged into another answers that member. With ``create`` the unknown ones are made, else they are
    missing in the answer. Call it with ``create`` before anything else of members is locked.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    books = {}
    if create:
        books = {book.key: book for book in (Book(row, is_new=True) for row in await make(tx, wanted, now))}
    found = await _lock(tx, [key for key in wanted if key not in books])
    rows = {(row["shop_id"], row["customer_id"]): row for row in found}
    moved: dict[Key, Key] = {}
    for key, row in rows.items():
        if row["merged_into"] is None:
            books[key] = Book(row)
        else:
            moved[key] = (key[0], row["merged_into"])
    if moved:
        missing = [target for target in moved.values() if target not in books]
        books |= await lock(tx, missing, now, create=False)
        books |= {key: books[target] for key, target in moved.items() if target in books}
    return books


async def _lock(tx: Connection, keys: Sequence[Key]) -> Sequence[asyncpg.Record]:
    return await tx.fetch(_LOCK, [key[0] for key in keys], [key[1] for key in keys]) if keys else ()


async def make(tx: Connection, keys: Iterable[Key], now: datetime) -> Sequence[asyncpg.Record]:
    """Make the members who are not there yet, and answer their rows, which nobody else can see before the commit."""
    wanted = sorted(set(keys))
    if not wanted:
        return ()
    return await tx.fetch(_CREATE, [key[0] for key in wanted], [key[1] for key in wanted], now)


async def peek(tx: Connection, shop_id: str, customer_id: str) -> Book | None:
    """A member as they are, without a lock: for answers, never for postings."""
    row = await tx.fetchrow(_PEEK, shop_id, customer_id)
    return None if row is None else Book(row)


async def read_lots(tx: Connection, books: Iterable[Book], named: Mapping[Key, Sequence[str]] | None = None) -> None:
    """Read the open lots of locked members, and the named ones even when nothing is left in them."""
    by_key = {book.key: book for book in books if not book.all_open}
    extra = [(*key, lot_id) for key, lot_ids in (named or {}).items() for lot_id in lot_ids]
    wanted = sorted(by_key)
    if not wanted and not extra:
        return
    every = {book.key: book for book in books}
    rows = await tx.fetch(
        _LOTS,
        [key[0] for key in wanted],
        [key[1] for key in wanted],
        [one[0] for one in extra],
        [one[1] for one in extra],
        [one[2] for one in extra],
    )
    for row in rows:
        book = every[row["shop_id"], row["customer_id"]]
        if row["lot_id"] not in book.lots:
            book.lots[row["lot_id"]] = LotRow.read(row)
    for book in by_key.values():
        book.all_open = True
