"""What became of messages, told to the other services: ``message.sent|bounced|failed|skipped``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from comeback_contracts import topics
from comeback_contracts.envelope import encode, make_event
from comeback_kit import outbox
from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent

SOURCE: Final = "comeback/notifications"


async def publish(tx: Connection, rows: Sequence[Any], now: datetime) -> None:
    """Publish the final state of messages, in the transaction that gave it to them.

    Each row has shop_id, id, workflow, channel, customer_id, order_id, state, reason and traceparent. A message has one
    final state, so its id and the state name the event for ever.
    """
    if rows:
        await outbox.add(tx, [message_event(row, now) for row in rows])


def message_event(row: Any, now: datetime | str) -> OutgoingEvent:
    """The event of one message's final state."""
    shop_id, customer_id, state = row["shop_id"], row["customer_id"], row["state"]
    data = {
        "message_id": row["id"],
        "customer_id": customer_id,
        "workflow": row["workflow"],
        "channel": row["channel"],
    }
    if row["order_id"]:
        data["order_id"] = row["order_id"]
    if row["reason"]:
        data["reason"] = row["reason"]
    event = make_event(
        id=f"{row['id']}:{state}",
        source=SOURCE,
        type=f"message.{state}",
        time=now,
        shop_id=shop_id,
        subject=customer_id,
        data=data,
        traceparent=row["traceparent"],
    )
    headers = {"traceparent": event.traceparent} if event.traceparent else None
    return OutgoingEvent(topics.NOTIFICATIONS, f"{shop_id}:{customer_id}", encode(event), headers)
