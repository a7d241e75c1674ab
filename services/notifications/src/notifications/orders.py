"""What a batch of the orders topic does: each order's state is merged, and the first that we see of one is confirmed.

The confirmation is made once an order, by the first event that brings the order itself (whatever its type; a refund
that came alone brings none) and names its customer. It shows the order as it is when the mail leaves: a cancelled one
says so. Old orders get a message that says ``too_old``, so that an imported history is complete and mails nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from comeback_contracts import order_merge
from comeback_contracts.order_merge import OrderState
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import PoisonEvent
from comeback_kit.events import Event
from notifications import messages, order_facts, order_store, waiting
from notifications.order_store import OrderKey, OrderRow
from notifications.service_state import state_of
from notifications.wanted import Wanted, live
from notifications.workflows import ORDER_CONFIRMATION


@dataclass(slots=True)
class _Heard:
    """What one batch says about one order; ``at`` and ``traceparent`` of the first event of it.

    ``steps``: when steps happened that the order itself does not date.
    """

    state: OrderState
    at: datetime
    traceparent: str | None
    steps: list[datetime] = field(default_factory=list)


async def take_orders(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Apply a batch of ``order.*`` and ``return.*`` events. The merge is idempotent, a message exists once."""
    heard = _read(events)
    wanted: list[Wanted] = []
    came: dict[OrderKey, bool] = {}
    left = heard
    while left:
        lost = await _merge(tx, left, context.now, wanted, came)
        left = {key: heard[key] for key in lost}
    state = state_of(context.runtime)
    due = await messages.create(tx, wanted, {}, state.secrets, now=context.now)
    if came:
        due += await waiting.release_for_orders(tx, came, context.now)
    if due:
        state.wake_dispatch()


def _read(events: Sequence[Event]) -> dict[OrderKey, _Heard]:
    heard: dict[OrderKey, _Heard] = {}
    for event in events:
        if not event.type.startswith("order."):
            continue  # a return names its order without its contents
        at = event.at
        try:
            state = order_facts.without_notes(order_merge.from_event(event.data, event.time))
        except ValueError as error:
            raise PoisonEvent(event, f"the order cannot be read: {error}") from error
        key = (event.shopid, state["order_id"])
        known = heard.get(key)
        if known is None:
            known = heard[key] = _Heard(state, at, event.traceparent)
        else:
            known.state = order_merge.merge(known.state, state)
        step = order_facts.undated_step(state, event.type, at)
        if step is not None:
            known.steps.append(step)
    return heard


async def _merge(
    tx: Connection,
    heard: Mapping[OrderKey, _Heard],
    now: datetime,
    wanted: list[Wanted],
    came: dict[OrderKey, bool],
) -> set[OrderKey]:
    """Merge into the stored orders; answer those that another transaction inserted first, to be merged again."""
    rows = await order_store.lock_for_update(tx, heard)
    new: dict[OrderKey, OrderRow] = {}
    changed: dict[OrderKey, OrderRow] = {}
    confirm: dict[OrderKey, Wanted] = {}
    for key, news in heard.items():
        stored = rows.get(key)
        row = _merged(stored, news, now)
        message = _confirmation(key, row, news)
        if message is not None:
            row.confirmed = True
            confirm[key] = message
        if stored is None:
            new[key] = row
        elif row != stored:
            changed[key] = row
            if row.known and not stored.known:
                came[key] = row.live
    inserted = await order_store.insert(tx, new) if new else set()
    if changed:
        await order_store.update(tx, changed)
    lost = set(new) - inserted
    wanted += [message for key, message in confirm.items() if key not in lost]
    return lost


def _merged(stored: OrderRow | None, news: _Heard, now: datetime) -> OrderRow:
    before = None if stored is None else stored.state
    state = news.state if before is None else order_merge.merge(before, news.state)
    was_live = stored is not None and stored.live
    return OrderRow(
        customer_id=order_facts.customer_of(state),
        state=state,
        live=was_live or live([*order_facts.happened(state), *news.steps], now),
        confirmed=stored is not None and stored.confirmed,
    )


def _confirmation(key: OrderKey, row: OrderRow, news: _Heard) -> Wanted | None:
    placed_at = None if row.state is None else order_facts.placed_at(row.state)
    if row.confirmed or row.customer_id is None or placed_at is None:
        return None
    return Wanted(
        shop_id=key[0],
        workflow=ORDER_CONFIRMATION,
        customer_id=row.customer_id,
        order_id=key[1],
        occasion="",
        occurred_at=min(news.at, placed_at),
        traceparent=news.traceparent,
    )
