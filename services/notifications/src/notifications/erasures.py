"""Forgetting people: what an erasure removes, and the tombstone that keeps late events from bringing them back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from comeback_kit import idempotency
from comeback_kit.db import Connection
from notifications.recipients import CustomerKey
from notifications.shop_secrets import SecretStore

# Every message of an erased person that has not left yet is not sent; those that were keep their bare facts.
_STOP_MESSAGES: Final = """
    with theirs as (
      select m.shop_id, m.id from messages m
      join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
        on m.shop_id = w.shop_id and m.customer_id = w.customer_id
      order by m.shop_id, m.id for update of m
    )
    update messages m set
      state = case when m.state in ('waiting', 'sending') then 'skipped' else m.state end,
      reason = case when m.state in ('waiting', 'sending') then 'erased' else m.reason end,
      next_at = null, claim = null, subject = null, data = m.data - 'url', last_reply = null
    from theirs t where m.shop_id = t.shop_id and m.id = t.id
    returning m.shop_id, m.id"""


async def tombstones(
    tx: Connection, customers: Iterable[CustomerKey], store: SecretStore
) -> Mapping[CustomerKey, datetime]:
    """When these customers were erased, for those who were."""
    keys = sorted(set(customers))
    if not keys:
        return {}
    secrets = await store.of(tx, {shop_id for shop_id, _ in keys})
    hashes = {
        (shop_id, secrets[shop_id].customer_hash(customer_id)): (shop_id, customer_id) for shop_id, customer_id in keys
    }
    rows = await tx.fetch(
        """select e.shop_id, e.customer_hash, e.at from erasures e
           join unnest($1::text[], $2::bytea[]) as w(shop_id, customer_hash)
             on e.shop_id = w.shop_id and e.customer_hash = w.customer_hash""",
        [shop_id for shop_id, _ in hashes],
        [customer_hash for _, customer_hash in hashes],
    )
    return {hashes[row["shop_id"], row["customer_hash"]]: row["at"] for row in rows}


async def is_gone(tx: Connection, key: CustomerKey, store: SecretStore) -> bool:
    """Whether a person was erased and nothing has been heard of them since."""
    if not await tombstones(tx, [key], store):
        return False
    fields = await tx.fetchval("select fields from customers where shop_id = $1 and customer_id = $2", *key)
    return not fields


async def bury(tx: Connection, erased: Mapping[CustomerKey, datetime], store: SecretStore) -> None:
    """Set the tombstones; the latest erasure of a person counts."""
    secrets = await store.of(tx, {shop_id for shop_id, _ in erased})
    rows = sorted(
        (shop_id, secrets[shop_id].customer_hash(customer_id), at) for (shop_id, customer_id), at in erased.items()
    )
    await tx.execute(
        """insert into erasures (shop_id, customer_hash, at)
           select * from unnest($1::text[], $2::bytea[], $3::timestamptz[])
           on conflict (shop_id, customer_hash) do update set at = greatest(erasures.at, excluded.at)""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def forget(tx: Connection, erased: Mapping[CustomerKey, datetime]) -> Sequence[str]:
    """Remove mails, consents and kept answers of these people; answer the ids of their messages (their ``.eml`` files).

    Their contact data is removed by ``customers.py``, which holds the lock on it.
    """
    shops, ids = [key[0] for key in erased], [key[1] for key in erased]
    rows = await tx.fetch(_STOP_MESSAGES, shops, ids)
    await tx.execute(
        """delete from mails d using unnest($1::text[], $2::text[]) as w(shop_id, message_id)
           where d.shop_id = w.shop_id and d.message_id = w.message_id""",
        [row["shop_id"] for row in rows],
        [row["id"] for row in rows],
    )
    await tx.execute(
        """delete from consents c using unnest($1::text[], $2::text[], $3::timestamptz[]) as w(shop_id, customer_id, at)
           where c.shop_id = w.shop_id and c.customer_id = w.customer_id and c.at <= w.at""",
        shops,
        ids,
        list(erased.values()),
    )
    for shop_id, customer_id in erased:  # the kit forgets one person at a time: erasures are rare
        await idempotency.forget(tx, shop_id, customer_id)
    return [row["id"] for row in rows]
