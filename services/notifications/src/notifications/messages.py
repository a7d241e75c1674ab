"""Making messages, and letting waiting ones go: every state a message has before it is handed over.

A message exists once for (shop, order, customer, workflow, occasion); the unique index decides, so that repeated,
replayed and concurrent events make one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from comeback_kit.db import Connection
from comeback_kit.timers import Timer, schedule
from notifications import erasures, recipients
from notifications.events_out import publish
from notifications.ids import key_hash, message_id
from notifications.order_store import OrderGlance, OrderKey
from notifications.recipients import CustomerKey, Recipient
from notifications.shop_secrets import SecretStore
from notifications.wanted import (
    CONTACT_TIMER,
    CONTACT_WAIT,
    ORDER_TIMER,
    ORDER_WAIT,
    TOO_OLD,
    Known,
    Start,
    Wanted,
    start,
)

OrderView = Mapping[OrderKey, OrderGlance]
_NO_ORDER: Final = OrderGlance()


async def create(
    tx: Connection, wanted: Sequence[Wanted], orders: OrderView, store: SecretStore, *, now: datetime
) -> int:
    """Make the messages that do not exist yet; answer how many are due to be handed over now.

    The rows of ``orders`` must be locked by the caller before (lock order: orders, customers, messages).
    """
    if not wanted:
        return 0
    resolved = await _resolve(tx, wanted, now)
    erased = await _erased(tx, resolved, store)
    first: dict[tuple[str, str, str, str, str], tuple[Wanted, Start]] = {}
    for one, recipient in resolved:
        order = orders.get((one.shop_id, one.order_id), _NO_ORDER)
        erased_at = erased.get((one.shop_id, recipient.customer_id))
        known = Known(recipient.reachable, erased_at, order.known, order.live, order.placed_at)
        begin = start(one.occurred_at, known, now)
        key = (one.shop_id, one.order_id, recipient.customer_id, one.workflow, one.occasion)
        first.setdefault(key, (replace(one, customer_id=recipient.customer_id), begin))
    made = await _insert(tx, [first[key] for key in sorted(first)], now)
    await _schedule(tx, [row for row in made if row["state"] == "waiting"], now)
    await publish(tx, [row for row in made if row["state"] == "skipped"], now)
    return sum(row["state"] == "sending" for row in made)


async def _resolve(tx: Connection, wanted: Sequence[Wanted], now: datetime) -> list[tuple[Wanted, Recipient]]:
    # An import of old orders sends nothing, so it need not lock a row for each of its customers.
    old = {(one.shop_id, one.customer_id) for one in wanted if now - one.occurred_at > TOO_OLD}
    new = {(one.shop_id, one.customer_id) for one in wanted if now - one.occurred_at <= TOO_OLD}
    found = (await recipients.read(tx, old - new)) | (await recipients.lock(tx, new))
    return [(one, found[one.shop_id, one.customer_id]) for one in wanted]


async def _erased(
    tx: Connection, resolved: Sequence[tuple[Wanted, Recipient]], store: SecretStore
) -> Mapping[CustomerKey, datetime]:
    unreachable = {(one.shop_id, recipient.customer_id) for one, recipient in resolved if not recipient.reachable}
    return await erasures.tombstones(tx, unreachable, store)


async def _insert(tx: Connection, rows: Sequence[tuple[Wanted, Start]], now: datetime) -> list[Any]:
    ids = [
        message_id(key_hash(one.shop_id, one.workflow, one.customer_id, one.order_id, one.occasion), now, position)
        for position, (one, _) in enumerate(rows)
    ]
    return await tx.fetch(
        """insert into messages (shop_id, id, workflow, recipient, customer_id, order_id, occasion, state, reason,
                                 needs_order, data, occurred_at, created_at, next_at, traceparent)
           select shop_id, id, workflow, customer_id, customer_id, order_id, occasion, state, reason, needs_order,
                  data, occurred_at, $12::timestamptz,
                  case when state = 'sending' then $12::timestamptz end, traceparent
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::bool[], $10::jsonb[], $11::timestamptz[], $13::text[])
             as n(shop_id, id, workflow, customer_id, order_id, occasion, state, reason, needs_order, data,
                  occurred_at, traceparent)
           on conflict (shop_id, order_id, customer_id, workflow, occasion) do nothing
           returning shop_id, id, workflow, channel, customer_id, order_id, state, reason, needs_order, traceparent""",
        [one.shop_id for one, _ in rows],
        ids,
        [one.workflow for one, _ in rows],
        [one.customer_id for one, _ in rows],
        [one.order_id for one, _ in rows],
        [one.occasion for one, _ in rows],
        [begin.state for _, begin in rows],
        [begin.reason for _, begin in rows],
        [begin.needs_order for _, begin in rows],
        [dict(one.data) for one, _ in rows],
        [one.occurred_at for one, _ in rows],
        now,
        [one.traceparent for one, _ in rows],
    )


async def _schedule(tx: Connection, waiting: Sequence[Any], now: datetime) -> None:
    timers = [Timer(row["shop_id"], CONTACT_TIMER, row["id"], now + CONTACT_WAIT, {}) for row in waiting]
    timers += [
        Timer(row["shop_id"], ORDER_TIMER, row["id"], now + ORDER_WAIT, {}) for row in waiting if row["needs_order"]
    ]
    if timers:
        await schedule(tx, timers)
