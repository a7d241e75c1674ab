"""Taking due messages for handing over: which process has which, until when, and what they are rendered from.

A claim is a lease. A process that dies leaves its messages in ``sending``; when the lease is over another takes them
and sends them again under the same ``Message-ID``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from comeback_contracts.order_merge import OrderState
from comeback_kit.db import Connection
from notifications import contacts
from notifications.rendering import Shop
from notifications.shop_secrets import SecretStore, ShopSecrets

_CLAIM: Final = """
    with due as (
      select shop_id, id from messages where state = 'sending' and next_at <= $1
      order by next_at limit $2 for update skip locked
    ), claimed as (
      update messages m
      set claim = $3, next_at = $4, attempts = m.attempts + 1
      from due where m.shop_id = due.shop_id and m.id = due.id
      returning m.*
    )
    select m.shop_id, m.id, m.workflow, m.recipient, m.customer_id, m.order_id, m.occasion, m.data, m.attempts,
           m.tried_at, c.fields, o.state as order_state, s.name, s.url, s.time_zone, s.locale,
           (select jsonb_object_agg(k.purpose, k.state) from consents k
            where k.shop_id = m.shop_id and k.customer_id = m.customer_id and k.channel = 'email') as stated
    from claimed m
    left join customers c on c.shop_id = m.shop_id and c.customer_id = m.customer_id
    left join orders o on o.shop_id = m.shop_id and o.order_id = m.order_id
    left join shops s on s.shop_id = m.shop_id
    order by m.shop_id, m.id"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message to hand over now, with everything it is made of. ``tried_at``: when it was first refused for now."""

    shop_id: str
    id: str
    workflow: str
    recipient: str
    customer_id: str
    order_id: str
    occasion: str
    data: dict[str, Any]
    attempts: int
    tried_at: datetime | None
    fields: contacts.Fields
    order_state: OrderState | None
    shop: Shop
    stated: dict[str, str]
    secrets: ShopSecrets
    suppressed: bool

    @property
    def key(self) -> tuple[str, str]:
        """Shop and id."""
        return (self.shop_id, self.id)

    @property
    def address(self) -> str | None:
        """Where to write, or None where the customer's address went away."""
        return contacts.usable_email(self.fields)


async def claim(
    tx: Connection, store: SecretStore, *, owner: str, most: int, lease: timedelta, now: datetime
) -> list[Claimed]:
    """Up to ``most`` due messages, this process's own until the lease ends."""
    rows = await tx.fetch(_CLAIM, now, most, owner, now + lease)
    if not rows:
        return []
    secrets = await store.of(tx, {row["shop_id"] for row in rows})
    addresses = [contacts.usable_email(contacts.from_json(row["fields"] or {})) for row in rows]
    hashes = [
        None if address is None else secrets[row["shop_id"]].address_hash(address)
        for row, address in zip(rows, addresses, strict=True)
    ]
    found = await tx.fetch(
        """select s.shop_id, s.address_hash from suppressions s
           join unnest($1::text[], $2::bytea[]) as w(shop_id, address_hash)
             on s.shop_id = w.shop_id and s.address_hash = w.address_hash""",
        [row["shop_id"] for row in rows],
        hashes,
    )
    suppressed = {(row["shop_id"], row["address_hash"]) for row in found}
    return [
        _claimed(row, secrets[row["shop_id"]], suppressed=(row["shop_id"], address_hash) in suppressed)
        for row, address_hash in zip(rows, hashes, strict=True)
    ]


async def renew(tx: Connection, keys: list[tuple[str, str]], *, owner: str, until: datetime) -> None:
    """Keep messages that are still in this process's hands; one that is being marked needs no lease any more."""
    await tx.execute(
        """with held as (
             select m.shop_id, m.id from messages m
             join unnest($1::text[], $2::text[]) as w(shop_id, id) on m.shop_id = w.shop_id and m.id = w.id
             where m.claim = $3 and m.state = 'sending'
             for update of m skip locked
           )
           update messages m set next_at = $4 from held h where m.shop_id = h.shop_id and m.id = h.id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        owner,
        until,
    )


async def release(tx: Connection, *, owner: str, now: datetime) -> None:
    """Give back everything that a process which ends still holds, for whoever comes next."""
    await tx.execute(
        """update messages set next_at = $2, claim = null, attempts = attempts - 1
           where state = 'sending' and claim = $1""",
        owner,
        now,
    )


def _claimed(row: Any, secrets: ShopSecrets, *, suppressed: bool) -> Claimed:
    shop = Shop(row["name"] or row["shop_id"], row["url"], row["time_zone"] or "UTC", row["locale"])
    return Claimed(
        shop_id=row["shop_id"],
        id=row["id"],
        workflow=row["workflow"],
        recipient=row["recipient"],
        customer_id=row["customer_id"],
        order_id=row["order_id"],
        occasion=row["occasion"],
        data=row["data"],
        attempts=row["attempts"],
        tried_at=row["tried_at"],
        fields=contacts.from_json(row["fields"] or {}),
        order_state=row["order_state"],
        shop=shop,
        stated=row["stated"] or {},
        secrets=secrets,
        suppressed=suppressed,
    )
