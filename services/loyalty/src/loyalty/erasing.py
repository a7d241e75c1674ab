"""Forgetting a person: the ledger stays, with an id that means nobody; what rules knew of them is gone."""

import hashlib
from datetime import datetime
from typing import Final

from comeback_kit import idempotency
from comeback_kit.db import Connection
from loyalty import members

_TOMBSTONE: Final = """
insert into tombstones as t (shop_id, customer_hash, erased_at) values ($1, $2, $3)
on conflict (shop_id, customer_hash) do update set erased_at = greatest(t.erased_at, excluded.erased_at)
returning erased_at"""
_MARK: Final = """
update members set erased_at = $3, updated_at = $3
where shop_id = $1 and (customer_id = $2 or merged_into = $2) and (erased_at is null or erased_at < $3)"""


async def erase(tx: Connection, shop_id: str, customer_id: str, *, at: datetime) -> None:
    """Forget a customer as of an instant; safe to repeat.

    A hash and the instant stay, so that no late or replayed update brings the person back.
    """
    await members.make(tx, [(shop_id, customer_id)], at)
    erased_at = await tx.fetchval(_TOMBSTONE, shop_id, hash_of(shop_id, customer_id), at)
    await tx.execute(_MARK, shop_id, customer_id, erased_at)
    await tx.execute("delete from profiles where shop_id = $1 and customer_id = $2", shop_id, customer_id)
    await idempotency.forget(tx, shop_id, customer_id)


def hash_of(shop_id: str, customer_id: str) -> bytes:
    """What a tombstone keeps of a customer's id."""
    return hashlib.sha256(f"{shop_id}\x00{customer_id}".encode()).digest()
