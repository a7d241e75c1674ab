"""What a batch of the orders topic does: each order's state is merged, and what others take from it is renewed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from comeback_contracts import order_merge
from comeback_contracts.order_merge import OrderState
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from recommendations import changes, dislikes, order_lines, order_store, people
from recommendations.changes import Changes
from recommendations.order_store import OrderKey, OrderRow
from recommendations.people import People
from recommendations.service_state import state_of


async def take_orders(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply a batch of ``order.*`` and ``return.*`` events. The merge is idempotent, so nothing needs the inbox."""
    heard = _read(events)
    if heard:
        await _take(tx, heard, context)
    await dislikes.from_returns(tx, events)


async def _take(tx: Connection, heard: Mapping[OrderKey, OrderState], context: Context) -> None:
    sequence = await changes.begin(tx, {shop_id for shop_id, _ in heard})
    stored = await order_store.read(tx, heard)
    merged = {key: _merged(stored.get(key), state) for key, state in heard.items()}
    customers = {
        (key[0], customer) for key, state in merged.items() if (customer := order_lines.customer_of(state)) is not None
    }
    known = await people.look_up(tx, customers)
    rows = _renewed(merged, stored, known, sequence, context.now)
    await order_store.write(tx, rows)
    await sequence.close(tx)
    if rows:
        state_of(context.runtime).wake_follower()


def _read(events: Sequence[Event]) -> dict[OrderKey, OrderState]:
    heard: dict[OrderKey, OrderState] = {}
    for event in events:
        if not event.type.startswith("order."):
            continue  # a return takes nothing out of the order; its refund does
        try:
            state = order_merge.from_event(event.data, event.time)
        except ValueError as error:
            raise PoisonEvent(event, f"the order cannot be read: {error}") from error
        key = (event.shopid, state["order_id"])
        heard[key] = order_merge.merge(heard[key], state) if key in heard else state
    return heard


def _merged(stored: OrderRow | None, news: OrderState) -> OrderState:
    return news if stored is None else order_merge.merge(stored.state, news)


def _renewed(
    merged: Mapping[OrderKey, OrderState],
    stored: Mapping[OrderKey, OrderRow],
    known: People,
    sequence: Changes,
    now: datetime,
) -> dict[OrderKey, OrderRow]:
    """The rows that are to be written: those whose state changed, numbered where followers see a difference."""
    rows = {}
    for key, state in merged.items():
        before = stored.get(key)
        row = row_of(key[0], state, known, now)
        if before is not None and row.state == before.state and row.same_to_followers(before):
            continue
        if order_merge.has_snapshot(state):
            same = before is not None and before.seq is not None and row.same_to_followers(before)
            row.seq = before.seq if same and before is not None else sequence.next(key[0])
        rows[key] = row
    return rows


def row_of(shop_id: str, state: OrderState, known: People, now: datetime) -> OrderRow:
    """An order as it is stored, not yet numbered: with the account of its customer, and nobody for an erased one."""
    placed_at = order_lines.placed_at(state, now)
    named = order_lines.customer_of(state)
    customer = _customer(shop_id, named, placed_at, known)
    kept = state if customer is not None or named is None else order_lines.without_customer(state)
    left = order_lines.products_left(state) if order_merge.has_snapshot(state) else {}
    return OrderRow(kept, customer, left, placed_at, None)


def _customer(shop_id: str, named: str | None, placed_at: datetime | None, known: People) -> str | None:
    if named is None or known.is_erased(shop_id, named, placed_at):
        return None
    account = known.account(shop_id, named)
    return None if known.is_erased(shop_id, account, placed_at) else account
