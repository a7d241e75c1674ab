"""``activity.recorded``: what a member did that may earn points, once per activity id."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from comeback_kit.timers import DueTimer, Timer
from loyalty import program_store, rewarding
from loyalty.program_store import ShopCache
from loyalty.rewarding import Deed
from loyalty.views import ActivityRecorded

WAITING_TIMER: Final = "activity_waits_for_shop"
_RETRY: Final = timedelta(seconds=30)
# No id has a slash, and 0 is what follows it.
_FORGET: Final = """
update timers t set payload = t.payload #- '{view,attributes}' from unnest($3::text[]) u(customer_id)
where t.shop_id = $1 and t.kind = $2 and t.ref >= u.customer_id || '/' and t.ref < u.customer_id || '0'"""


async def take(tx: Connection, events: Sequence[Event], context: Context, cache: ShopCache) -> None:
    """Take the activities of a batch; safe to repeat."""
    deeds = [_deed(one, one.view(ActivityRecorded), one.at) for one in events if one.type == "activity.recorded"]
    await _reward(tx, deeds, context, cache)


async def again(tx: Connection, due: Sequence[DueTimer], context: Context, cache: ShopCache) -> None:
    """Look again for the shops of activities that came before their shop."""
    deeds = []
    for timer in due:
        event = Event(**timer.payload["event"])
        view = msgspec.convert(timer.payload["view"], ActivityRecorded)
        deeds.append(_deed(event, view, event.at))
    await _reward(tx, deeds, context, cache)


async def _reward(tx: Connection, deeds: Sequence[Deed], context: Context, cache: ShopCache) -> None:
    if not deeds:
        return
    shops = await program_store.load(tx, cache, {deed.shop_id for deed in deeds}, settling=True)
    known = [deed for deed in deeds if deed.shop_id in shops]
    if known:
        await rewarding.reward(tx, known, shops, context.now)
    waiting = [_wait(deed, context.now) for deed in deeds if deed.shop_id not in shops]
    if waiting:
        await timers.schedule(tx, waiting)


async def forget_notes(tx: Connection, shop_id: str, names: Sequence[str]) -> None:
    """Drop what is said in activities of these people that wait for their shop."""
    await tx.execute(_FORGET, shop_id, WAITING_TIMER, names)


def _deed(event: Event, view: ActivityRecorded, at: datetime) -> Deed:
    return Deed(
        shop_id=event.shopid,
        customer_id=view.customer_id,
        lot_id=f"activity:{view.activity_id}",
        reason=f"activity:{view.kind}",
        at=view.at or at,
        activity=view.kind,
        order_id=view.order_id,
        channel=view.channel,
        attributes=view.attributes,
        cause=event,
    )


def _wait(deed: Deed, now: datetime) -> Timer:
    assert deed.cause is not None  # noqa: S101  # activities come from events
    cause = deed.cause
    event = {
        "id": cause.id,
        "source": cause.source,
        "type": cause.type,
        "time": cause.time,
        "shopid": cause.shopid,
        "subject": cause.subject,
        "traceparent": cause.traceparent,
    }
    view = ActivityRecorded(
        activity_id=deed.lot_id.removeprefix("activity:"),
        customer_id=deed.customer_id,
        kind=deed.activity or "",
        at=deed.at,
        order_id=deed.order_id,
        channel=deed.channel,
        attributes=None if deed.attributes is None else dict(deed.attributes),
    )
    ref = f"{deed.customer_id}/{deed.lot_id}"
    return Timer(deed.shop_id, WAITING_TIMER, ref, now + _RETRY, {"event": event, "view": msgspec.to_builtins(view)})
