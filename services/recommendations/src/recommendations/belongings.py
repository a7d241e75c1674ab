"""What is kept of a customer beside the orders: moved when accounts are joined, removed when the person is erased."""

from collections.abc import Sequence
from typing import Final

from comeback_kit import timers
from comeback_kit.db import Connection
from recommendations import replenishment

_FORGET: Final = (
    "delete from dislikes d using unnest($2::text[]) as w(id) where d.shop_id = $1 and d.customer_id = w.id",
    "delete from reminders r using unnest($2::text[]) as w(id) where r.shop_id = $1 and r.customer_id = w.id",
    """update answers a set customer_id = null from unnest($2::text[]) as w(id)
       where a.shop_id = $1 and a.customer_id = w.id""",
)


async def move(tx: Connection, shop_id: str, source: str, into: str) -> None:
    """Give everything of one account to another."""
    await tx.execute(
        """insert into dislikes (shop_id, customer_id, product_id, reason, at)
           select shop_id, $3, product_id, reason, at from dislikes where shop_id = $1 and customer_id = $2
           on conflict (shop_id, customer_id, product_id, reason)
           do update set at = greatest(dislikes.at, excluded.at)""",
        shop_id,
        source,
        into,
    )
    await tx.execute("delete from dislikes where shop_id = $1 and customer_id = $2", shop_id, source)
    await tx.execute(
        """insert into reminders (shop_id, customer_id, product_id, last_at, told_at)
           select shop_id, $3, product_id, last_at, told_at from reminders where shop_id = $1 and customer_id = $2
           on conflict (shop_id, customer_id, product_id)
           do update set last_at = greatest(reminders.last_at, excluded.last_at)""",
        shop_id,
        source,
        into,
    )
    await tx.execute("delete from reminders where shop_id = $1 and customer_id = $2", shop_id, source)
    await tx.execute(
        "update answers set customer_id = $3 where shop_id = $1 and customer_id = $2", shop_id, source, into
    )


async def forget(tx: Connection, shop_id: str, customer_ids: Sequence[str], product_ids: Sequence[str]) -> None:
    """Remove what names these ids; the counts of answers and purchases stay. ``product_ids``: all they ever bought."""
    ids = list(customer_ids)
    for statement in _FORGET:
        await tx.execute(statement, shop_id, ids)
    refs = [replenishment.ref_of(customer, product) for customer in ids for product in product_ids]
    await timers.cancel(tx, shop_id, replenishment.KIND, refs)
