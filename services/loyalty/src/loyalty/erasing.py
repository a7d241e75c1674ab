"""Forgetting a person: the ledger stays, with an id that means nobody; what was known or written of them is gone."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from comeback_kit import idempotency
from comeback_kit.db import Connection
from loyalty import activities, forgetting, members
from loyalty.books import Key
from loyalty.shop import Shop
from loyalty.uncounted import Found

_TOMBSTONES: Final = """
insert into tombstones as t (shop_id, customer_hash, erased_at)
select $1, hash, $3 from unnest($2::bytea[]) hash order by hash
on conflict (shop_id, customer_hash) do update set erased_at = greatest(t.erased_at, excluded.erased_at)"""
# Of the id that was asked for: an id that joined the account may have been erased when the account was not.
_DONE: Final = """
select true from tombstones where shop_id = $1 and customer_hash = $2 and erased_at >= $3"""
_MARK: Final = """
update members m set erased_at = $3, forgotten_at = greatest(m.forgotten_at, $3), updated_at = $3
from unnest($2::text[]) u(customer_id)
where m.shop_id = $1 and m.customer_id = u.customer_id and (m.erased_at is null or m.erased_at < $3)"""
_FORGET: Final = """
delete from profiles p using unnest($2::text[]) u(customer_id)
where p.shop_id = $1 and p.customer_id = u.customer_id"""


async def erase(
    tx: Connection,
    shop_id: str,
    customer_id: str,
    *,
    at: datetime,
    shop: Shop | None,
    erased: set[Key],
    uncounted: Sequence[Found] = (),
) -> None:
    """Forget a customer under all their names as of an instant; safe to repeat.

    An id that was merged stands for the account that it was merged into. A hash of each name and the instant stay, so
    that no late or replayed update brings the person back, nor an order what it said of them (``Task.forget_notes``).
    ``shop`` is None where it is not known yet; ``uncounted`` holds the orders among which are those of the person
    that never earned; where one of them is not locked yet, and somebody has it, the transaction is tried again. The
    names are added to those ``erased``: what was written about them is the caller's to blank (``reasons``), of all whom
    a transaction forgets at once.
    """
    book = (await members.lock(tx, [(shop_id, customer_id)], at, create=True))[shop_id, customer_id]
    if await tx.fetchval(_DONE, shop_id, hash_of(shop_id, customer_id), at):
        return  # what is known of somebody who came back since is theirs
    names = sorted([book.customer_id, *await members.lock_names(tx, book)])
    others = [(one.shop_id, one.order_id) for one in uncounted if one.may_be_of(shop_id, names)]
    await forgetting.forget_notes(tx, shop, [(shop_id, name) for name in names], others)
    await tx.execute(_TOMBSTONES, shop_id, [hash_of(shop_id, name) for name in names], at)
    await tx.execute(_MARK, shop_id, names, at)
    await tx.execute(_FORGET, shop_id, names)
    erased.update((shop_id, name) for name in names)
    if shop is None:
        await activities.forget_notes(tx, shop_id, names)
    for name in names:  # a handful: a person's guest ids and old accounts
        await idempotency.forget(tx, shop_id, name)


def hash_of(shop_id: str, customer_id: str) -> bytes:
    """What a tombstone keeps of a customer's id."""
    return hashlib.sha256(f"{shop_id}\x00{customer_id}".encode()).digest()
