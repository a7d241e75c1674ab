"""Contact data in the database: rows read under lock, merged, written back as sets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from comeback_kit.db import Connection
from notifications import contacts
from notifications.contacts import Field
from notifications.recipients import CustomerKey, ensure_rows


@dataclass(slots=True)
class CustomerRow:
    """One customer as stored. ``into_id``: the account it was merged into."""

    fields: dict[str, Field] = field(default_factory=dict)
    into_id: str | None = None


async def lock_for_update(tx: Connection, customers: Iterable[CustomerKey]) -> dict[CustomerKey, CustomerRow]:
    """The rows of these customers and of the accounts they were merged into, locked until the transaction ends."""
    rows: dict[CustomerKey, CustomerRow] = {}
    wanted = sorted(set(customers))
    while wanted:
        await ensure_rows(tx, wanted)
        found = await tx.fetch(
            """select c.shop_id, c.customer_id, c.fields, c.into_id
               from customers c
               join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
                 on c.shop_id = w.shop_id and c.customer_id = w.customer_id
               order by c.shop_id, c.customer_id for update of c""",
            [key[0] for key in wanted],
            [key[1] for key in wanted],
        )
        for row in found:
            key = (row["shop_id"], row["customer_id"])
            rows[key] = CustomerRow(contacts.from_json(row["fields"]), row["into_id"])
        wanted = sorted({(key[0], row.into_id) for key, row in rows.items() if row.into_id is not None} - set(rows))
    return rows


def root(rows: Mapping[CustomerKey, CustomerRow], key: CustomerKey) -> CustomerKey:
    """The account that a customer is now."""
    seen = {key}
    while (into := rows[key].into_id) is not None and (key[0], into) not in seen:
        key = (key[0], into)
        seen.add(key)
    return key


async def write(tx: Connection, rows: Mapping[CustomerKey, CustomerRow]) -> None:
    """Write rows that ``lock_for_update`` locked."""
    keys = sorted(rows)
    await tx.execute(
        """update customers c set fields = w.fields, email = w.email, into_id = w.into_id
           from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[])
             as w(shop_id, customer_id, fields, email, into_id)
           where c.shop_id = w.shop_id and c.customer_id = w.customer_id""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [rows[key].fields for key in keys],
        [contacts.usable_email(rows[key].fields) for key in keys],
        [rows[key].into_id for key in keys],
    )


async def flatten(tx: Connection, moves: Mapping[CustomerKey, str]) -> None:
    """Who was merged into one of ``moves`` before belongs to the account that it became."""
    await tx.execute(
        """update customers c set into_id = w.into_id
           from unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, customer_id, into_id)
           where c.shop_id = w.shop_id and c.into_id = w.customer_id""",
        [key[0] for key in moves],
        [key[1] for key in moves],
        list(moves.values()),
    )
