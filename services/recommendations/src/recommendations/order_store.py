"""Orders in the database, read and written as sets by who holds the shop's sequence (``changes.begin``)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from comeback_contracts.order_merge import OrderState
from comeback_kit.db import Connection

OrderKey: TypeAlias = tuple[str, str]  # shop, order


@dataclass(slots=True)
class OrderRow:
    """One order as stored; ``seq`` is None while only refunds of it have come."""

    state: OrderState
    customer_id: str | None
    left: dict[str, int]  # product → money that is left of it
    placed_at: datetime | None
    seq: int | None

    def same_to_followers(self, other: "OrderRow") -> bool:
        """Whether who follows the changes would see no difference."""
        mine = (self.customer_id, self.left, self.placed_at)
        return mine == (other.customer_id, other.left, other.placed_at)


async def read(tx: Connection, orders: Collection[OrderKey]) -> dict[OrderKey, OrderRow]:
    """Those of the orders that are known."""
    rows = await tx.fetch(
        """select o.shop_id, o.order_id, o.state, o.customer_id, o.product_ids, o.amounts, o.placed_at, o.seq
           from orders o join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
             on o.shop_id = w.shop_id and o.order_id = w.order_id""",
        [key[0] for key in orders],
        [key[1] for key in orders],
    )
    return {(row["shop_id"], row["order_id"]): _row(row) for row in rows}


async def read_one(tx: Connection, shop_id: str, order_id: str) -> OrderRow | None:
    """One order, or None when it is unknown."""
    return (await read(tx, [(shop_id, order_id)])).get((shop_id, order_id))


async def write(tx: Connection, rows: Mapping[OrderKey, OrderRow]) -> None:
    """Insert or replace these orders."""
    if not rows:
        return
    keys = sorted(rows)
    await tx.execute(
        """insert into orders as o (shop_id, order_id, state, customer_id, product_ids, amounts, placed_at, seq)
           select w.shop_id, w.order_id, w.state, w.customer_id,
                  array(select jsonb_array_elements_text(w.products -> 'ids')),
                  array(select jsonb_array_elements_text(w.products -> 'amounts')::bigint), w.placed_at, w.seq
           from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::bigint[])
             as w(shop_id, order_id, state, customer_id, products, placed_at, seq)
           on conflict (shop_id, order_id) do update set
             state = excluded.state, customer_id = excluded.customer_id, product_ids = excluded.product_ids,
             amounts = excluded.amounts,
             placed_at = excluded.placed_at, seq = excluded.seq""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [rows[key].state for key in keys],
        [rows[key].customer_id for key in keys],
        [
            {"ids": [*rows[key].left], "amounts": [*rows[key].left.values()]} for key in keys
        ],  # asyncpg takes a list of lists for a matrix
        [rows[key].placed_at for key in keys],
        [rows[key].seq for key in keys],
    )


async def of_customers(tx: Connection, customers: Collection[tuple[str, str]]) -> dict[OrderKey, OrderRow]:
    """Every order of these (shop, customer)."""
    rows = await tx.fetch(
        """select o.shop_id, o.order_id, o.state, o.customer_id, o.product_ids, o.amounts, o.placed_at, o.seq
           from orders o join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
             on o.shop_id = w.shop_id and o.customer_id = w.customer_id""",
        [key[0] for key in customers],
        [key[1] for key in customers],
    )
    return {(row["shop_id"], row["order_id"]): _row(row) for row in rows}


def _row(row: Any) -> OrderRow:
    left = dict(zip(row["product_ids"], row["amounts"], strict=True))
    return OrderRow(row["state"], row["customer_id"], left, row["placed_at"], row["seq"])


async def changed_since(tx: Connection, shop_id: str, seq: int, limit: int) -> dict[str, OrderRow]:
    """The orders of a shop that changed after a number, in the order of their numbers."""
    rows = await tx.fetch(
        """select o.order_id, o.state, o.customer_id, o.product_ids, o.amounts, o.placed_at, o.seq
           from orders o where o.shop_id = $1 and o.seq > $2 order by o.seq limit $3""",
        shop_id,
        seq,
        limit,
    )
    return {row["order_id"]: _row(row) for row in rows}
