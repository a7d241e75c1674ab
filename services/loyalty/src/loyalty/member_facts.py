"""What the rules of a program ask about members: tags, and the counters of limits and caps; read per batch."""

from collections.abc import Iterable, Mapping
from typing import Final

from comeback_kit.db import Connection
from loyalty.books import Book, Key
from loyalty.rules.compiled import CompiledProgram
from loyalty.rules.kept import Facts, Used

_TAGS: Final = """
select p.shop_id, p.customer_id, p.tags
from unnest($1::text[], $2::text[]) u(shop_id, customer_id) join profiles p using (shop_id, customer_id)"""
# Each for itself (``offset 0``): joined, PostgreSQL would rather go through all counters in order.
_USAGE: Final = """
select u.shop_id, u.customer_id, u.key, c.times, c.points
from unnest($1::text[], $2::text[], $3::text[]) u(shop_id, customer_id, key) cross join lateral (
  select times, points from usage
  where shop_id = u.shop_id and customer_id = u.customer_id and key = u.key offset 0) c"""
_ADD_USAGE: Final = """
insert into usage as c (shop_id, customer_id, key, times, points)
select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[])
on conflict (shop_id, customer_id, key) do update
set times = c.times + excluded.times, points = c.points + excluded.points"""


class Counters:
    """Changes of the counters in one transaction; the books' own view of them moves along."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, str, str], list[int]] = {}

    def move(self, book: Book, before: Mapping[str, Used], after: Mapping[str, Used]) -> None:
        """Something of the member counts ``after`` instead of ``before``."""
        for key in {*before, *after}:
            old, new = before.get(key, (0, 0)), after.get(key, (0, 0))
            times, points = new[0] - old[0], new[1] - old[1]
            if times == 0 and points == 0:
                continue
            used = book.used.get(key, (0, 0))
            book.used[key] = (used[0] + times, used[1] + points)
            change = self._changes.setdefault((*book.key, key), [0, 0])
            change[0] += times
            change[1] += points

    async def write(self, tx: Connection) -> None:
        """Add the changes to the table."""
        rows = [(*key, *change) for key, change in sorted(self._changes.items())]
        if rows:
            await tx.execute(_ADD_USAGE, *[list(column) for column in zip(*rows, strict=True)])
        self._changes.clear()


def facts_of(program: CompiledProgram, book: Book) -> Facts:
    """The member as they are now; nothing where the order rules of the program ask nothing."""
    return all_facts(book) if program.depends_on_member else _NOBODY


def all_facts(book: Book) -> Facts:
    """The member as they are now."""
    return Facts(
        tier=book.standing.level_id,
        first_purchase=book.orders_fixed == 0,
        tags=book.tags,
        used=book.used,
    )


_NOBODY: Final = Facts()


async def read_tags(tx: Connection, books: Iterable[Book]) -> None:
    """Set the tags of members."""
    by_key = {book.key: book for book in books}
    if not by_key:
        return
    keys = sorted(by_key)
    for row in await tx.fetch(_TAGS, [key[0] for key in keys], [key[1] for key in keys]):
        by_key[row["shop_id"], row["customer_id"]].tags = tuple(row["tags"])


async def read_usage(tx: Connection, books: Mapping[Key, Book], keys: Iterable[tuple[str, str, str]]) -> None:
    """Set the counters (shop, member, key) of locked members."""
    wanted = sorted(set(keys))
    if not wanted:
        return
    for row in await tx.fetch(_USAGE, *[list(column) for column in zip(*wanted, strict=True)]):
        books[row["shop_id"], row["customer_id"]].used[row["key"]] = (row["times"], row["points"])
