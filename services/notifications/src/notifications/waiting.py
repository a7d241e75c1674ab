"""Letting waiting messages go: their address came, their order came, or nothing came and the time is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.timers import DueTimer
from notifications import recipients
from notifications.events_out import publish
from notifications.recipients import CustomerKey
from notifications.service_state import state_of
from notifications.wanted import CONTACT_TIMER, ORDER_TIMER, Known, start

_RETURNING: Final = """
    returning m.shop_id, m.id, m.workflow, m.channel, m.customer_id, m.order_id, m.state, m.reason, m.traceparent"""

_RELEASE_REACHABLE: Final = f"""
    with theirs as (
      select m.shop_id, m.id from messages m
      join unnest($1::text[], $2::text[]) as w(shop_id, customer_id)
        on m.shop_id = w.shop_id and m.customer_id = w.customer_id
      where m.state = 'waiting' and not m.needs_order
      order by m.shop_id, m.id for update of m
    )
    update messages m set state = 'sending', next_at = $3
    from theirs t where m.shop_id = t.shop_id and m.id = t.id
    {_RETURNING}"""

_GIVE_UP: Final = f"""
    with due as (
      select m.shop_id, m.id from messages m
      join unnest($1::text[], $2::text[]) as w(shop_id, id) on m.shop_id = w.shop_id and m.id = w.id
      where m.state = 'waiting'
      order by m.shop_id, m.id for update of m
    )
    update messages m set state = 'skipped', reason = 'no_contact', needs_order = false
    from due where m.shop_id = due.shop_id and m.id = due.id
    {_RETURNING}"""

_DECIDE: Final = f"""
    with decided as (
      select m.shop_id, m.id, w.state, w.reason from messages m
      join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as w(shop_id, id, state, reason)
        on m.shop_id = w.shop_id and m.id = w.id
      where m.state = 'waiting' and m.needs_order
      order by m.shop_id, m.id for update of m
    )
    update messages m set state = d.state, reason = d.reason, needs_order = false,
      next_at = case when d.state = 'sending' then $5::timestamptz end
    from decided d where m.shop_id = d.shop_id and m.id = d.id
    {_RETURNING}"""


async def release_reachable(tx: Connection, customers: Sequence[CustomerKey], now: datetime) -> int:
    """Send what waited for these customers' addresses (rows locked); answer how many."""
    rows = await tx.fetch(_RELEASE_REACHABLE, [key[0] for key in customers], [key[1] for key in customers], now)
    await _cancel(tx, CONTACT_TIMER, rows)
    return len(rows)


async def release_for_orders(tx: Connection, orders: Mapping[tuple[str, str], bool], now: datetime) -> int:
    """Decide about messages that waited for these orders (rows locked; whether each is live); answer how many go."""
    rows = await tx.fetch(
        """select m.shop_id, m.id, m.customer_id, m.order_id, m.occurred_at from messages m
           join unnest($1::text[], $2::text[]) as w(shop_id, order_id)
             on m.shop_id = w.shop_id and m.order_id = w.order_id
           where m.state = 'waiting' and m.needs_order""",
        [key[0] for key in orders],
        [key[1] for key in orders],
    )
    return await _decide(tx, rows, orders, now)


async def contact_overdue(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Timer: seven days without an address are enough."""
    rows = await tx.fetch(_GIVE_UP, [timer.shop_id for timer in due], [timer.ref for timer in due])
    await publish(tx, rows, context.now)


async def order_overdue(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """Timer: the order has not come in an hour, so its message goes by its own event alone."""
    rows = await tx.fetch(
        """select m.shop_id, m.id, m.customer_id, m.order_id, m.occurred_at from messages m
           join unnest($1::text[], $2::text[]) as w(shop_id, id) on m.shop_id = w.shop_id and m.id = w.id
           where m.state = 'waiting' and m.needs_order""",
        [timer.shop_id for timer in due],
        [timer.ref for timer in due],
    )
    live = {(row["shop_id"], row["order_id"]): True for row in rows}
    if await _decide(tx, rows, live, context.now):
        state_of(context.runtime).wake_dispatch()


async def _decide(tx: Connection, rows: Sequence[Any], live: Mapping[tuple[str, str], bool], now: datetime) -> int:
    if not rows:
        return 0
    found = await recipients.lock(tx, {(row["shop_id"], row["customer_id"]) for row in rows})
    starts = [
        start(
            row["occurred_at"],
            Known(
                reachable=found[row["shop_id"], row["customer_id"]].reachable,
                order_live=live[row["shop_id"], row["order_id"]],
            ),
            now,
        )
        for row in rows
    ]
    decided = await tx.fetch(
        _DECIDE,
        [row["shop_id"] for row in rows],
        [row["id"] for row in rows],
        [begin.state for begin in starts],
        [begin.reason for begin in starts],
        now,
    )
    await _cancel(tx, ORDER_TIMER, decided)
    await _cancel(tx, CONTACT_TIMER, [row for row in decided if row["state"] != "waiting"])
    await publish(tx, [row for row in decided if row["state"] == "skipped"], now)
    return sum(row["state"] == "sending" for row in decided)


async def _cancel(tx: Connection, kind: str, rows: Sequence[Any]) -> None:
    refs: dict[str, list[str]] = {}
    for row in rows:
        refs.setdefault(row["shop_id"], []).append(row["id"])
    for shop_id, ids in refs.items():  # one statement a shop, not one a message
        await timers.cancel(tx, shop_id, kind, ids)
