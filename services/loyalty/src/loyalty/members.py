"""Locking members in one order, so that batches, redemptions and jobs of the same members never deadlock.

Whoever needs more than members takes the programs of the shops first, then the orders, then the members. Of those the
missing ones are made first, then those that were there are locked, both in (shop, id) order. Whoever waits for a
member that another transaction makes holds no member yet, and nobody can wait for a lock on a member that is being
made: so nobody waits in a circle.

An id that was merged is never waited for: the account that it went into is locked in its place in the order. Somebody
who is merged while one waits for them is not followed to the account, which would be out of order: the transaction is
tried again. What turns out to be needed out of order is taken only where nobody has it (``nowait``).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from comeback_kit.db import Connection
from loyalty.books import Book, Key, LotRow
from loyalty.columns import CURRENT, LOT_COLUMNS, MEMBER_COLUMNS

_COLUMNS: Final = ", ".join(f"m.{column}" for column in MEMBER_COLUMNS)
_MERGED_INTO: Final = MEMBER_COLUMNS.index("merged_into")
_CREATE: Final = f"""
with asked as materialized (
  select u.shop_id, u.customer_id, x.customer_id is null as is_missing, x.merged_into
  from unnest($1::text[], $2::text[]) u(shop_id, customer_id) left join members x using (shop_id, customer_id)
), made as (
  insert into members as m (shop_id, customer_id, created_at, updated_at)
  select shop_id, customer_id, $3, $3 from asked where is_missing order by shop_id, customer_id
  on conflict (shop_id, customer_id) do nothing
  returning {_COLUMNS}
)
select {_COLUMNS} from made m
union all
select {_COLUMNS} from asked join members m using (shop_id, customer_id) where asked.merged_into is not null"""
_LOCK: Final = f"""
select {_COLUMNS}
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join members m using (shop_id, customer_id)
order by m.shop_id, m.customer_id for update of m"""
_LOCK_CURRENT: Final = f"""
select {_COLUMNS}, asked.customer_id as asked
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join members asked using (shop_id, customer_id)
join members m on m.shop_id = asked.shop_id and m.customer_id = {CURRENT}
order by m.shop_id, m.customer_id for update of m"""
_LOCK_NAMES: Final = """
select customer_id from members where shop_id = $1 and merged_into = $2 order by customer_id for update nowait"""
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
    """Lock members in (shop, id) order and answer them by the id that was asked for, and by their own.

    An id that was merged into another answers that member. With ``create`` the unknown ones are made, else they are
    missing in the answer. Call it before anything else of members is locked.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    return await _make_and_lock(tx, wanted, now) if create else await _lock_known(tx, wanted)


async def _make_and_lock(tx: Connection, wanted: Sequence[Key], now: datetime) -> dict[Key, Book]:
    books: dict[Key, Book] = {}
    moved: dict[Key, Key] = {}
    for row in await make(tx, wanted, now):
        key: Key = (row["shop_id"], row["customer_id"])
        if row["merged_into"] is None:
            books[key] = Book(row, is_new=True)
        else:
            moved[key] = (row["shop_id"], row["merged_into"])
    there = [key for key in wanted if key not in books]
    if moved:
        there = sorted({moved.get(key, key) for key in there} - books.keys())
    if there:
        for row in await tx.fetch(_LOCK, [key[0] for key in there], [key[1] for key in there]):
            book = _locked(row)
            books[book.key] = book
    return books | {key: books[account] for key, account in moved.items()} if moved else books


async def _lock_known(tx: Connection, wanted: Sequence[Key]) -> dict[Key, Book]:
    books: dict[Key, Book] = {}
    names: dict[Key, Book] = {}
    for row in await tx.fetch(_LOCK_CURRENT, [key[0] for key in wanted], [key[1] for key in wanted]):
        key: Key = (row["shop_id"], row["customer_id"])
        if key not in books:
            books[key] = _locked(row[:-1])
        names[key[0], row["asked"]] = books[key]
    return books | names


def _locked(row: asyncpg.Record | tuple[Any, ...]) -> Book:
    if row[_MERGED_INTO] is not None:
        raise merged_meanwhile()
    return Book(row)


def merged_meanwhile() -> asyncpg.SerializationError:
    """Somebody was merged while one waited for them; as PostgreSQL would say it, so every caller tries again."""
    return asyncpg.SerializationError("a member was merged at the same time")


async def make(tx: Connection, keys: Iterable[Key], now: datetime) -> Sequence[asyncpg.Record]:
    """Make the members who are not there yet, and answer their rows, which nobody else can see before the commit.

    The rows of those who were merged into another are answered too, not locked.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return ()
    return await tx.fetch(_CREATE, [key[0] for key in wanted], [key[1] for key in wanted], now)


async def lock_names(tx: Connection, book: Book) -> list[str]:
    """Lock the ids that were merged into a locked member. Raises where somebody has one: then try again."""
    rows = await tx.fetch(_LOCK_NAMES, book.shop_id, book.customer_id)
    return [row["customer_id"] for row in rows]


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
