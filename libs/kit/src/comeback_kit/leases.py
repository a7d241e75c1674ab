"""Who works on what: numbered items shared fairly among live members, by PostgreSQL's session advisory locks.

A member holds a shared lock that makes it countable, and one exclusive lock per item it works on. Both end with its
database session, so a killed process frees its items at once. Every function takes the member's own long-lived
connection and a ``space``: items of different spaces have nothing to do with each other.
"""

from collections.abc import Collection, Sequence
from typing import Any

_MEMBERS = 726_150  # first halves of two-part lock keys; the items' half is this + 1 + space
_LIVE = """
select pid, pid = pg_backend_pid() as mine
from pg_locks
where locktype = 'advisory' and granted and mode = 'ShareLock' and objsubid = 2
  and classid = $1::int::oid and objid = $2::int::oid
  and database = (select oid from pg_database where datname = current_database())
order by pid"""


async def join(connection: Any, space: int) -> None:
    """Become a live member."""
    await connection.execute("select pg_advisory_lock_shared($1, $2)", _MEMBERS, space)


async def leave(connection: Any, space: int, owned: Collection[int] = ()) -> None:
    """Give up the items and the membership."""
    await release(connection, space, owned)
    await connection.execute("select pg_advisory_unlock_shared($1, $2)", _MEMBERS, space)


async def fair_share(connection: Any, space: int, items: Sequence[int]) -> set[int]:
    """The items that are this member's now: every n-th, by its rank among the n live members."""
    rows = await connection.fetch(_LIVE, _MEMBERS, space)
    for rank, row in enumerate(rows):
        if row["mine"]:
            return set(items[rank :: len(rows)])
    return set()


async def acquire(connection: Any, space: int, items: Collection[int]) -> set[int]:
    """Those of the items that nobody holds any more; the caller must not hold them already."""
    if not items:
        return set()
    rows = await connection.fetch(
        "select item, pg_try_advisory_lock($1, item) as got from unnest($2::int[]) as item",
        _MEMBERS + 1 + space,
        sorted(items),
    )
    return {row["item"] for row in rows if row["got"]}


async def release(connection: Any, space: int, items: Collection[int]) -> None:
    """Give items up."""
    if items:
        await connection.execute(
            "select pg_advisory_unlock($1, item) from unnest($2::int[]) as item", _MEMBERS + 1 + space, sorted(items)
        )
