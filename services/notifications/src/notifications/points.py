"""What a batch of the loyalty topic does: points that were earned or taken back are told."""

from collections.abc import Sequence
from typing import Any

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from notifications import messages, order_store
from notifications.instants import sortable
from notifications.service_state import state_of
from notifications.views import PointsData
from notifications.wanted import Wanted
from notifications.workflows import POINTS_CLAWED_BACK, POINTS_EARNED, WORKFLOWS

_WORKFLOW = {"points.earned": POINTS_EARNED, "points.clawed_back": POINTS_CLAWED_BACK}


async def take_points(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Make the messages of ``points.*`` events; the other events of the topic have none."""
    wanted = [_wanted(event) for event in events if event.type in _WORKFLOW]
    orders = await order_store.lock_or_announce(tx, {(one.shop_id, one.order_id) for one in wanted if one.order_id})
    state = state_of(context.runtime)
    if await messages.create(tx, wanted, orders, state.secrets, now=context.now):
        state.wake_dispatch()


def _wanted(event: Event) -> Wanted:
    data = event.view(PointsData)
    workflow = WORKFLOWS[_WORKFLOW[event.type]]
    # Points without an order (an activity, a birthday) have nothing else that tells one time from the next.
    by_transaction = workflow.by_occasion or data.order_id is None
    return Wanted(
        shop_id=event.shopid,
        workflow=workflow.id,
        customer_id=data.customer_id,
        order_id=data.order_id or "",
        occasion=data.transaction_id if by_transaction else "",
        occurred_at=event.at,
        data=_said(data),
        traceparent=event.traceparent,
    )


def _said(data: PointsData) -> dict[str, Any]:
    said: dict[str, Any] = {"points": data.points, "balance": data.balance}
    if data.pending:
        said["pending"] = True
    if data.pending and data.available_at is not None:
        said["available_at"] = sortable(data.available_at)
    return said
