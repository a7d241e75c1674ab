"""What a batch of the feedback topic does: a customer is invited to a survey."""

from collections.abc import Sequence

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from notifications import messages, order_store
from notifications.instants import sortable
from notifications.service_state import state_of
from notifications.views import SurveyData
from notifications.wanted import Wanted
from notifications.workflows import SURVEY_INVITATION

_REQUESTED = "survey.requested"


async def take_surveys(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Make the invitations of ``survey.requested`` events; the other events of the topic have none."""
    wanted = [_wanted(event) for event in events if event.type == _REQUESTED]
    orders = await order_store.lock_or_announce(tx, {(one.shop_id, one.order_id) for one in wanted if one.order_id})
    state = state_of(context.runtime)
    if await messages.create(tx, wanted, orders, state.secrets, now=context.now):
        state.wake_dispatch()


def _wanted(event: Event) -> Wanted:
    data = event.view(SurveyData)
    said = {"survey_id": data.survey_id, "url": data.url}
    if data.expires_at is not None:
        said["expires_at"] = sortable(data.expires_at)
    return Wanted(
        shop_id=event.shopid,
        workflow=SURVEY_INVITATION,
        customer_id=data.customer_id,
        order_id=data.order_id or "",
        # A survey that no order asks for is told apart by the event that asks.
        occasion="" if data.order_id else event.id,
        occurred_at=event.at,
        data=said,
        traceparent=event.traceparent,
    )
