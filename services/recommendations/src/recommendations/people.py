"""Who a customer id means now: the account that it was merged into, or nobody, when the person was erased."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypeAlias

from comeback_kit.db import Connection

CustomerKey: TypeAlias = tuple[str, str]  # shop, customer


def customer_hash(key: CustomerKey) -> bytes:
    """What is kept of an erased person: enough to know the id again, not to read it."""
    return hashlib.sha256("\x00".join(key).encode()).digest()


async def accounts(tx: Connection, customers: Collection[CustomerKey]) -> dict[CustomerKey, str]:
    """The account of each customer that was merged into another; the others are absent."""
    rows = await tx.fetch(
        """select a.shop_id, a.customer_id, a.into_id from aliases a
           join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on a.shop_id = w.shop_id and a.customer_id = w.customer_id""",
        [key[0] for key in customers],
        [key[1] for key in customers],
    )
    return {(row["shop_id"], row["customer_id"]): row["into_id"] for row in rows}


async def erased(tx: Connection, customers: Collection[CustomerKey]) -> dict[CustomerKey, datetime]:
    """When each of these customers was erased, for those who were."""
    hashes = {(key[0], customer_hash(key)): key for key in customers}
    rows = await tx.fetch(
        """select e.shop_id, e.customer_hash, e.at from erasures e
           join unnest($1::text[], $2::bytea[]) as w(shop_id, customer_hash)
             on e.shop_id = w.shop_id and e.customer_hash = w.customer_hash""",
        [key[0] for key in hashes],
        [key[1] for key in hashes],
    )
    return {hashes[row["shop_id"], row["customer_hash"]]: row["at"] for row in rows}


class People:
    """The answers for one batch."""

    def __init__(self, accounts: Mapping[CustomerKey, str], erased: Mapping[CustomerKey, datetime]) -> None:
        self._accounts = accounts
        self._erased = erased

    def is_erased(self, shop_id: str, customer_id: str, at: datetime | None) -> bool:
        """Whether something of that instant belongs to a person who asked to be forgotten since."""
        until = self._erased.get((shop_id, customer_id))
        return until is not None and (at is None or at <= until)

    def account(self, shop_id: str, customer_id: str) -> str:
        return self._accounts.get((shop_id, customer_id), customer_id)


async def look_up(tx: Connection, customers: Collection[CustomerKey]) -> People:
    """Everything that a batch needs to know of its customers; the shops' sequences are held by the caller."""
    if not customers:
        return People({}, {})
    merged = await accounts(tx, customers)
    everyone = set(customers) | {(shop_id, into) for (shop_id, _), into in merged.items()}
    return People(merged, await erased(tx, everyone))


async def tastes(tx: Connection, shop_id: str, customer_id: str) -> tuple[str, list[str]]:
    """The account that a customer id means now, and the products that this customer is not to be offered again."""
    row = await tx.fetchrow(
        # Materialized: row-level security keeps an expression like this one out of the index, but not a column.
        """with account as materialized (
             select coalesce((select into_id from aliases where shop_id = $1 and customer_id = $2), $2) as id
           )
           select a.id, coalesce(array_agg(d.product_id) filter (where d.product_id is not null), '{}') as disliked
           from account a left join dislikes d on d.shop_id = $1 and d.customer_id = a.id
           group by a.id""",
        shop_id,
        customer_id,
    )
    return (customer_id, []) if row is None else (row["id"], row["disliked"])
