"""Who a message goes to: the account that a customer is now, and whether we know where to write.

Contact data and messages meet here. Both lock the customer's row, so that of an order and an e-mail address that
arrive in the same moment one sees the other, and no message waits for an address that is already here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from comeback_kit.db import Connection

CustomerKey: TypeAlias = tuple[str, str]  # shop, customer
_MOST_HOPS = 8


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a customer's messages go: the account it was merged into (or itself), and whether that has an address."""

    customer_id: str
    reachable: bool


async def lock(tx: Connection, customers: Iterable[CustomerKey]) -> dict[CustomerKey, Recipient]:
    """The recipients of these customers, their rows locked (shared) until the transaction ends."""
    rows = await _follow(tx, customers, locking=True)
    return _resolve(customers, rows)


async def read(tx: Connection, customers: Iterable[CustomerKey]) -> dict[CustomerKey, Recipient]:
    """The recipients of these customers without a lock, for messages that nobody will send."""
    rows = await _follow(tx, customers, locking=False)
    return _resolve(customers, rows)


async def _follow(
    tx: Connection, customers: Iterable[CustomerKey], *, locking: bool
) -> dict[CustomerKey, tuple[str | None, bool]]:
    # A merge writes `into_id` on the row that it locks, so a row read under the lock tells where to go on.
    rows: dict[CustomerKey, tuple[str | None, bool]] = {}
    wanted = sorted(set(customers))
    for _ in range(_MOST_HOPS):
        if not wanted:
            break
        rows |= await (_lock_rows(tx, wanted) if locking else _read_rows(tx, wanted))
        targets = {(key[0], into) for key, (into, _) in rows.items() if into is not None}
        wanted = sorted(targets - set(rows))
    return rows


def _resolve(
    customers: Iterable[CustomerKey], rows: dict[CustomerKey, tuple[str | None, bool]]
) -> dict[CustomerKey, Recipient]:
    found: dict[CustomerKey, Recipient] = {}
    for key in customers:
        shop_id, customer_id = key
        for _ in range(_MOST_HOPS):
            into = rows.get((shop_id, customer_id), (None, False))[0]
            if into is None:
                break
            customer_id = into
        reachable = rows.get((shop_id, customer_id), (None, False))[1]
        found[key] = Recipient(customer_id, reachable)
    return found


async def _lock_rows(tx: Connection, keys: list[CustomerKey]) -> dict[CustomerKey, tuple[str | None, bool]]:
    shops, ids = [key[0] for key in keys], [key[1] for key in keys]
    await ensure_rows(tx, keys)
    rows = await tx.fetch(
        """select c.shop_id, c.customer_id, c.into_id, c.email is not null as reachable
           from customers c
           join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on c.shop_id = w.shop_id and c.customer_id = w.customer_id
           order by c.shop_id, c.customer_id for share of c""",
        shops,
        ids,
    )
    return {(row["shop_id"], row["customer_id"]): (row["into_id"], row["reachable"]) for row in rows}


async def _read_rows(tx: Connection, keys: list[CustomerKey]) -> dict[CustomerKey, tuple[str | None, bool]]:
    rows = await tx.fetch(
        """select c.shop_id, c.customer_id, c.into_id, c.email is not null as reachable
           from customers c
           join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row["shop_id"], row["customer_id"]): (row["into_id"], row["reachable"]) for row in rows}


async def ensure_rows(tx: Connection, keys: list[CustomerKey]) -> None:
    """Make the rows that are to be locked, in sorted order. ``keys`` must be sorted."""
    await tx.execute(
        """insert into customers (shop_id, customer_id)
           select * from unnest($1::text[], $2::text[])
           on conflict (shop_id, customer_id) do nothing""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
