"""Forgetting people: what an erasure removes, and the tombstone that keeps late events from bringing them back.

What they answered stays as numbers without a person or an order; what they wrote, their invitations (and so their
links) and their language go.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from comeback_contracts.order_merge import OrderState
from comeback_kit.db import Connection
from feedback import invitations, order_store
from feedback.order_store import Order, OrderKey, order_of
from feedback.people import PersonKey
from feedback.shop_secrets import ShopSecrets


async def tombstones(
    tx: Connection, customers: Iterable[PersonKey], secrets: Mapping[str, ShopSecrets]
) -> dict[PersonKey, datetime]:
    """When these customers were erased, for those who were."""
    keys = sorted(set(customers))
    if not keys:
        return {}
    hashes = {(shop_id, secrets[shop_id].customer_hash(name)): (shop_id, name) for shop_id, name in keys}
    rows = await tx.fetch(
        """select e.shop_id, e.customer_hash, e.at from erasures e
           join unnest($1::text[], $2::bytea[]) as w(shop_id, customer_hash)
             on e.shop_id = w.shop_id and e.customer_hash = w.customer_hash""",
        [shop_id for shop_id, _ in hashes],
        [customer_hash for _, customer_hash in hashes],
    )
    return {hashes[row["shop_id"], row["customer_hash"]]: row["at"] for row in rows}


async def bury(tx: Connection, erased: Mapping[PersonKey, datetime], secrets: Mapping[str, ShopSecrets]) -> None:
    """Set the tombstones; the latest erasure of a person counts."""
    rows = sorted((shop_id, secrets[shop_id].customer_hash(name), at) for (shop_id, name), at in erased.items())
    await tx.execute(
        """insert into erasures (shop_id, customer_hash, at)
           select * from unnest($1::text[], $2::bytea[], $3::timestamptz[])
           on conflict (shop_id, customer_hash) do update set at = greatest(erasures.at, excluded.at)""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def forget(tx: Connection, names: Mapping[PersonKey, list[str]], orders: Mapping[OrderKey, Order]) -> None:
    """Remove everything of these accounts. ``names``: the ids that each goes by; their orders and rows are locked."""
    everyone = sorted((shop_id, name) for (shop_id, _), known in names.items() for name in known)
    if orders:
        await order_store.update(tx, {key: order_of(anonymous(order.state)) for key, order in orders.items()})
    shop_ids, ids = [key[0] for key in everyone], [key[1] for key in everyone]
    await tx.execute(
        """update responses r
           set customer_id = null, order_id = null, invitation_id = null, texts = '{}', language = null
           from unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
           where r.shop_id = w.shop_id and r.customer_id = w.customer_id""",
        shop_ids,
        ids,
    )
    await _forget_invitations(tx, everyone)
    await tx.execute(
        """delete from customers c using unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
           where c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
        shop_ids,
        ids,
    )


async def _forget_invitations(tx: Connection, everyone: Collection[PersonKey]) -> None:
    theirs = await invitations.lock_of_people(tx, everyone)
    if theirs:
        await invitations.delete(tx, theirs)


def anonymous(state: OrderState) -> OrderState:
    """An order without its customer and without what was noted on it and its lines."""
    gone: Any = {"customer", "attributes"}
    bare = {name: value for name, value in state.items() if name not in gone}
    if "lines" in bare:
        bare["lines"] = [{name: value for name, value in line.items() if name not in gone} for line in bare["lines"]]
    return bare
