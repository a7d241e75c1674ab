"""Orders in the database: the merged state of each, read under lock, written back as sets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from comeback_contracts.instants import parse_instant
from comeback_contracts.order_merge import OrderState, has_snapshot
from comeback_kit.db import Connection

OrderKey: TypeAlias = tuple[str, str]  # shop, order


@dataclass(slots=True)
class OrderRow:
    """One order as stored. ``state``: merged (CONTRACT §2), None while only another event has named the order."""

    customer_id: str | None
    state: OrderState | None
    live: bool
    confirmed: bool

    @property
    def known(self) -> bool:
        """Whether the order itself has come, not only refunds of it or another event that names it."""
        return self.state is not None and has_snapshot(self.state)


@dataclass(frozen=True, slots=True)
class OrderGlance:
    """What a message about an order asks of it: whether it has come, whether it is live, when it was placed."""

    known: bool = True
    live: bool = True
    placed_at: datetime | None = None


async def lock_for_update(tx: Connection, orders: Collection[OrderKey]) -> dict[OrderKey, OrderRow]:
    """The rows of those orders that exist, locked until the transaction ends."""
    keys = sorted(orders)
    rows = await tx.fetch(
        """select o.shop_id, o.order_id, o.customer_id, o.state, o.live, o.confirmed
           from orders o
           join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
             on o.shop_id = w.shop_id and o.order_id = w.order_id
           order by o.shop_id, o.order_id for update of o""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {
        (row["shop_id"], row["order_id"]): OrderRow(row["customer_id"], row["state"], row["live"], row["confirmed"])
        for row in rows
    }


async def insert(tx: Connection, rows: Mapping[OrderKey, OrderRow]) -> set[OrderKey]:
    """Insert new rows; answer those that were inserted (another transaction may have been first with the rest)."""
    keys = sorted(rows)
    inserted = await tx.fetch(
        """insert into orders (shop_id, order_id, customer_id, state, live, confirmed)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bool[], $6::bool[])
           on conflict (shop_id, order_id) do nothing
           returning shop_id, order_id""",
        *_columns(keys, rows),
    )
    return {(row["shop_id"], row["order_id"]) for row in inserted}


async def update(tx: Connection, rows: Mapping[OrderKey, OrderRow]) -> None:
    """Write rows that ``lock_for_update`` locked."""
    await tx.execute(
        """update orders o
           set customer_id = w.customer_id, state = w.state, live = w.live, confirmed = w.confirmed
           from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bool[], $6::bool[])
             as w(shop_id, order_id, customer_id, state, live, confirmed)
           where o.shop_id = w.shop_id and o.order_id = w.order_id""",
        *_columns(sorted(rows), rows),
    )


async def lock_or_announce(tx: Connection, orders: Collection[OrderKey]) -> dict[OrderKey, OrderGlance]:
    """A glance at each order, its row locked (shared); an order not seen yet gets a row, so that it can be locked.

    So an order that arrives in the same moment sees the messages that wait for it.
    """
    if not orders:
        return {}
    keys = sorted(orders)
    shops, ids = [key[0] for key in keys], [key[1] for key in keys]
    await tx.execute(
        """insert into orders (shop_id, order_id) select * from unnest($1::text[], $2::text[])
           on conflict (shop_id, order_id) do nothing""",
        shops,
        ids,
    )
    rows = await tx.fetch(
        """select o.shop_id, o.order_id, coalesce(o.state ? 'updated_at', false) as known, o.live,
                  o.state ->> 'placed_at' as placed_at
           from orders o
           join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
             on o.shop_id = w.shop_id and o.order_id = w.order_id
           order by o.shop_id, o.order_id for share of o""",
        shops,
        ids,
    )
    return {
        (row["shop_id"], row["order_id"]): OrderGlance(
            row["known"], row["live"], None if row["placed_at"] is None else parse_instant(row["placed_at"])
        )
        for row in rows
    }


def _columns(keys: list[OrderKey], rows: Mapping[OrderKey, OrderRow]) -> tuple[list[Any], ...]:
    return (
        [key[0] for key in keys],
        [key[1] for key in keys],
        [rows[key].customer_id for key in keys],
        [rows[key].state for key in keys],
        [rows[key].live for key in keys],
        [rows[key].confirmed for key in keys],
    )
