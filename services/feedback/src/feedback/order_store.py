"""Orders in the database: the merged state of each, read under lock, written back as sets."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from comeback_contracts.order_merge import OrderState
from comeback_kit.db import Connection
from feedback.order_facts import OrderFacts, customer_of, facts_of
from feedback.people import PersonKey

OrderKey: TypeAlias = tuple[str, str]  # shop, order


@dataclass(frozen=True, slots=True)
class Order:
    """One order as stored: its merged state, its facts (None while only refunds have come), its customer."""

    state: OrderState
    facts: OrderFacts | None
    customer_id: str | None


def order_of(state: OrderState) -> Order:
    """An order from its merged state."""
    return Order(state, facts_of(state), customer_of(state))


async def lock(tx: Connection, orders: Collection[OrderKey]) -> dict[OrderKey, Order]:
    """Those of these orders that exist, locked until the transaction ends."""
    keys = sorted(orders)
    rows = await tx.fetch(
        """select o.shop_id, o.order_id, o.state from orders o
           join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
             on o.shop_id = w.shop_id and o.order_id = w.order_id
           order by o.shop_id, o.order_id for no key update of o""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row["shop_id"], row["order_id"]): order_of(row["state"]) for row in rows}


async def read(tx: Connection, shop_id: str, order_id: str) -> Order | None:
    """One order, without a lock."""
    state = await tx.fetchval("select state from orders where shop_id = $1 and order_id = $2", shop_id, order_id)
    return None if state is None else order_of(state)


async def insert(tx: Connection, orders: Mapping[OrderKey, Order]) -> set[OrderKey]:
    """Insert new orders; answer those that were inserted (another transaction may have been first with the rest)."""
    keys = sorted(orders)
    rows = await tx.fetch(
        """insert into orders (shop_id, order_id, customer_id, placed_at, ordinary, state)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bool[], $6::jsonb[])
           on conflict (shop_id, order_id) do nothing
           returning shop_id, order_id""",
        *_columns(keys, orders),
    )
    return {(row["shop_id"], row["order_id"]) for row in rows}


async def update(tx: Connection, orders: Mapping[OrderKey, Order]) -> None:
    """Write orders that ``lock`` locked."""
    await tx.execute(
        """update orders o
           set customer_id = w.customer_id, placed_at = w.placed_at, ordinary = w.ordinary, state = w.state
           from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bool[], $6::jsonb[])
             as w(shop_id, order_id, customer_id, placed_at, ordinary, state)
           where o.shop_id = w.shop_id and o.order_id = w.order_id""",
        *_columns(sorted(orders), orders),
    )


async def of_people(tx: Connection, names: Mapping[PersonKey, list[str]]) -> set[OrderKey]:
    """The orders of these customers, under all the ids that each goes by."""
    pairs = [(shop_id, name) for (shop_id, _), known in sorted(names.items()) for name in known]
    rows = await tx.fetch(
        """select o.shop_id, o.order_id from orders o
           join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on o.shop_id = w.shop_id and o.customer_id = w.customer_id""",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
    )
    return {(row["shop_id"], row["order_id"]) for row in rows}


async def first_orders(tx: Connection, names: Mapping[PersonKey, list[str]]) -> dict[PersonKey, tuple[datetime, str]]:
    """(placed_at, order) of the first order of each customer; tests, cancelled and refunded ones do not count."""
    rows = [(shop_id, account, name) for (shop_id, account), known in sorted(names.items()) for name in known]
    found = await tx.fetch(
        """select distinct on (w.shop_id, w.account) w.shop_id, w.account, o.placed_at, o.order_id
           from unnest($1::text[], $2::text[], $3::text[]) as w(shop_id, account, customer_id)
           join orders o on o.shop_id = w.shop_id and o.customer_id = w.customer_id and o.ordinary
           order by w.shop_id, w.account, o.placed_at, o.order_id""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )
    return {(row["shop_id"], row["account"]): (row["placed_at"], row["order_id"]) for row in found}


def _columns(keys: Iterable[OrderKey], orders: Mapping[OrderKey, Order]) -> tuple[list[Any], ...]:
    keys = list(keys)
    facts = [orders[key].facts for key in keys]
    return (
        [key[0] for key in keys],
        [key[1] for key in keys],
        [orders[key].customer_id for key in keys],
        [None if one is None else one.placed_at for one in facts],
        [one is not None and one.ordinary for one in facts],
        [orders[key].state for key in keys],
    )
