"""What a batch of the orders topic does: each order's state is merged, and what follows for its surveys is decided.

The merge is idempotent and an invitation exists once, so a repeated event changes nothing and the inbox is not needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from comeback_contracts import order_merge
from comeback_contracts.order_merge import OrderState
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from comeback_kit.timers import DueTimer
from feedback import asking, erasures, invitations, order_store, people, shop_secrets
from feedback.asking import Settlement
from feedback.order_store import Order, OrderKey, order_of
from feedback.people import PersonKey
from feedback.shop_secrets import ShopSecrets


@dataclass(slots=True)
class _Heard:
    state: OrderState
    traceparent: str | None


async def take_orders(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply a batch of ``order.*`` and ``return.*`` events."""
    heard = _read(events)
    left = heard
    while left:
        # Orders that another transaction inserted at the same moment are merged into what it wrote.
        left = await _apply(tx, left, context)


def _read(events: Sequence[Event]) -> dict[OrderKey, _Heard]:
    heard: dict[OrderKey, _Heard] = {}
    for event in events:
        if not event.type.startswith("order."):
            continue  # a return names its order without its contents
        try:
            state = order_merge.from_event(event.data, event.time)
        except ValueError as error:
            raise PoisonEvent(event, f"the order cannot be read: {error}") from error
        key = (event.shopid, state["order_id"])
        known = heard.get(key)
        merged = state if known is None else order_merge.merge(known.state, state)
        heard[key] = _Heard(merged, event.traceparent)
    return heard


async def _apply(tx: Connection, heard: Mapping[OrderKey, _Heard], context: Context) -> dict[OrderKey, _Heard]:
    stored = await order_store.lock(tx, heard)
    merged = _merge(stored, heard)
    secrets = await shop_secrets.ensure(tx, {key[0] for key in merged})
    merged = await _without_the_erased(tx, merged, secrets)
    known = await people.lock(tx, _customers(merged))
    merged = await _without_the_erased(tx, merged, secrets)  # again: erased while we waited for the lock
    changed = {key: order for key, order in merged.items() if key in stored and order.state != stored[key].state}
    new = {key: order for key, order in merged.items() if key not in stored}
    inserted = await order_store.insert(tx, new) if new else set()
    if changed:
        await order_store.update(tx, changed)
    ours = changed | {key: new[key] for key in inserted}
    if ours:
        traces = {key: heard[key].traceparent for key in ours}
        await asking.settle(tx, Settlement(ours, known, secrets, traces, context.now), context)
    return {key: heard[key] for key in new if key not in inserted}


def _merge(stored: Mapping[OrderKey, Order], heard: Mapping[OrderKey, _Heard]) -> dict[OrderKey, Order]:
    return {
        key: order_of(order_merge.merge(stored[key].state, news.state) if key in stored else news.state)
        for key, news in heard.items()
    }


def _customers(orders: Mapping[OrderKey, Order]) -> set[PersonKey]:
    return {(key[0], order.customer_id) for key, order in orders.items() if order.customer_id is not None}


async def _without_the_erased(
    tx: Connection, orders: Mapping[OrderKey, Order], secrets: Mapping[str, ShopSecrets]
) -> dict[OrderKey, Order]:
    graves = await erasures.tombstones(tx, _customers(orders), secrets)
    return {key: _anonymous_if_erased(key, order, graves) for key, order in orders.items()}


def _anonymous_if_erased(key: OrderKey, order: Order, graves: Mapping[PersonKey, datetime]) -> Order:
    """The order without its customer, where they were erased after it was placed."""
    if order.customer_id is None:
        return order
    erased_at = graves.get((key[0], order.customer_id))
    if erased_at is None or (order.facts is not None and order.facts.placed_at > erased_at):
        return order
    return order_of(erasures.anonymous(order.state))


async def ask_due(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Timers of waiting invitations: whether they are asked is decided now, by the order as it is now."""
    keys = await invitations.orders_of(tx, [(timer.shop_id, timer.ref) for timer in due])
    orders = await order_store.lock(tx, keys)
    if not orders:
        return
    secrets = await shop_secrets.ensure(tx, {key[0] for key in orders})
    known = await people.lock(tx, _customers(orders))
    fired = frozenset((timer.shop_id, timer.ref) for timer in due)
    await asking.settle(tx, Settlement(orders, known, secrets, {}, context.now, fired=fired), context)
