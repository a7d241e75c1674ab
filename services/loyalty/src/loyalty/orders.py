"""Loyalty's own copy of every order: its merged state, and what the ledger holds for it."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import asyncpg
import msgspec

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import TransientError
from comeback_kit.events import Event
from loyalty.order_states import Known, state_in
from loyalty.rules.instants import placed_at
from loyalty.rules.kept import Kept, Used

OrderKey = tuple[str, str]
"""(shop_id, order_id)"""

OrderValues = tuple[Any, ...]
"""An order's row as ``write`` takes it."""

_COLUMNS: Final = """o.shop_id, o.order_id, o.revision, o.state, o.customer_id, o.program_version, o.kept, o.usage,
  o.settled, o.amount, o.waiting, o.former"""
_LOCK: Final = f"""
select {_COLUMNS}
from unnest($1::text[], $2::text[]) u(shop_id, order_id) join orders o using (shop_id, order_id)
order by o.shop_id, o.order_id for update of o"""
_LOCK_NOW: Final = f"{_LOCK} nowait"
_PEEK: Final = f"select {_COLUMNS} from orders o where shop_id = $1 and order_id = $2"
_ADD: Final = """
insert into orders as o (shop_id, order_id, revision, state, customer_id, program_version, kept, usage, settled, amount,
  waiting, placed_at, former)
select shop_id, order_id, revision, state, customer_id, program_version, kept, usage, settled, amount, waiting,
  placed_at, coalesce(former, '{}')
from unnest($1::order_write[])"""
_WRITE: Final = f"""{_ADD}
on conflict (shop_id, order_id) do update set revision = excluded.revision, state = excluded.state,
  customer_id = excluded.customer_id, program_version = excluded.program_version, kept = excluded.kept,
  usage = excluded.usage, settled = excluded.settled, amount = excluded.amount, waiting = excluded.waiting,
  placed_at = excluded.placed_at, former = excluded.former
where o.revision = excluded.revision - 1"""

_KEY: Final = itemgetter(0, 1)
_REVISION: Final = 2  # place in a row
_MEANWHILE: Final = "an order was written by another process at the same time"
_encode = msgspec.json.Encoder().encode
_decode_usage = msgspec.json.Decoder(dict[str, tuple[int, int]]).decode


class OrderRow:
    """One order. ``customer_id`` is the member it is settled to, ``kept`` None until it has counted for them.

    ``lot_id`` is its one lot, of whichever member; ``before`` what was known before the events of this transaction.
    """

    __slots__ = (
        "amount",
        "before",
        "cause",
        "changed",
        "customer_id",
        "former",
        "kept",
        "known",
        "lot_id",
        "order_id",
        "program_version",
        "revision",
        "settled",
        "shop_id",
        "usage",
        "waiting",
    )

    def __init__(self, shop_id: str, order_id: str) -> None:
        self.shop_id = shop_id
        self.order_id = order_id
        self.lot_id = lot_of(order_id)
        self.revision = 0
        self.known: Known | None = None
        self.before: Known | None = None
        self.customer_id: str | None = None
        self.program_version: int | None = None
        self.kept: Kept | None = None
        self.usage: Mapping[str, Used] = {}
        self.settled = 0
        self.amount = 0
        self.waiting = False
        self.former: tuple[str, ...] = ()
        self.cause: Event | None = None
        self.changed = False

    @classmethod
    def read(cls, row: asyncpg.Record) -> "OrderRow":
        """An order from its row."""
        order = cls(row["shop_id"], row["order_id"])
        order.revision = row["revision"]
        order.known = Known.stored(row["state"])
        order.customer_id = row["customer_id"]
        order.program_version = row["program_version"]
        order.kept = None if row["kept"] is None else Kept.from_json(row["kept"])
        order.usage = {} if row["usage"] is None else _decode_usage(row["usage"])
        order.settled, order.amount = row["settled"], row["amount"]
        order.waiting, order.former = row["waiting"], tuple(row["former"])
        return order

    @property
    def key(self) -> OrderKey:
        """(shop_id, order_id)"""
        return self.shop_id, self.order_id

    @property
    def buyer(self) -> str | None:
        """Whose order it is, as the shop last said."""
        customer = None if self.known is None else self.known.view.customer
        return None if customer is None else customer.customer_id

    @property
    def has_snapshot(self) -> bool:
        """Whether more than refunds of it has come."""
        return self.known is not None and self.known.has_snapshot

    def take(self, told: Known, cause: Event) -> None:
        """Merge what an event says."""
        merged = told if self.known is None else self.known.merged_with(told)
        if merged is not self.known:
            self.before = self.before or self.known
            self.known, self.cause, self.changed = merged, cause, True


def lot_of(order_id: str) -> str:
    """The lot id of an order."""
    return f"order:{order_id}"


async def take_events(tx: Connection, events: Sequence[Event], context: Context) -> list[OrderRow]:
    """Lock the orders of a batch and merge what its events say; answers those that changed, in log order.

    Raises ``PoisonEvent`` for an event that holds no order.
    """
    told = [(event, context.read(event, state_in)) for event in events if event.type.startswith("order.")]
    keys = [(event.shopid, known.view.order_id) for event, known in told]
    orders = {row.key: row for row in await lock(tx, keys)}
    touched: dict[OrderKey, OrderRow] = {}
    for key, (event, known) in zip(keys, told, strict=True):
        order = orders.get(key)
        if order is None:
            order = orders[key] = OrderRow(*key)
        touched[key] = order
        order.take(known, event)
    return [order for order in touched.values() if order.changed]


async def lock(tx: Connection, keys: Iterable[OrderKey], *, waiting: bool = True) -> list[OrderRow]:
    """Lock the orders that are there, in (shop, id) order; before any member.

    Without ``waiting`` it raises where somebody else has one: for members that are locked already.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return []
    rows = await tx.fetch(_LOCK if waiting else _LOCK_NOW, [key[0] for key in wanted], [key[1] for key in wanted])
    return [OrderRow.read(row) for row in rows]


async def peek(tx: Connection, shop_id: str, order_id: str) -> OrderRow | None:
    """One order without a lock: for answers, never for postings."""
    row = await tx.fetchrow(_PEEK, shop_id, order_id)
    return None if row is None else OrderRow.read(row)


def rows_of(orders: Iterable[OrderRow]) -> list[OrderValues]:
    """Changed orders as ``write`` takes them."""
    return sorted([_values(order) for order in orders], key=_KEY)


async def write(tx: Connection, rows: Sequence[OrderValues]) -> None:
    """Write changed orders. Raises ``TransientError`` when another process made one of them meanwhile."""
    made = [row for row in rows if row[_REVISION] == 1]
    changed = [row for row in rows if row[_REVISION] > 1]
    if made:  # without a look at what may be there: a third cheaper
        try:
            await tx.execute(_ADD, made)
        except asyncpg.UniqueViolationError as error:
            raise TransientError(_MEANWHILE) from error
    if changed:
        status = await tx.execute(_WRITE, changed)
        if int(status.rsplit(" ", 1)[1]) != len(changed):
            raise TransientError(_MEANWHILE)


def _values(order: OrderRow) -> OrderValues:
    known = order.known
    return (
        order.shop_id,
        order.order_id,
        order.revision + 1,
        None if known is None else known.document,
        order.customer_id,
        order.program_version,
        None if order.kept is None else order.kept.to_json(),
        _encode(order.usage).decode() if order.usage else None,
        order.settled,
        order.amount,
        order.waiting,
        None if known is None or known.view.placed_at is None else placed_at(known.view),
        order.former or None,
    )
