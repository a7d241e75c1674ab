"""Claims of events: of those not seen before, a handler gets each once, in the transaction of its effect."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from comeback_kit.db import Connection
from comeback_kit.events import Event

# Answers the places of those that were there before: usually none, and a row less to read per event.
_CLAIM = """
with given as (
  select * from unnest($1::text[], $2::text[], $3::text[]) with ordinality as g (shop_id, source, event_id, place)
), claimed as (
  insert into inbox (shop_id, source, event_id) select shop_id, source, event_id from given order by place
  on conflict do nothing
  returning shop_id, source, event_id
)
select place from given left join claimed using (shop_id, source, event_id) where claimed.shop_id is null"""
KEPT = timedelta(days=40)
"""How long a claim stands: longer than any topic's retention, so that what is pruned cannot come again."""

_PRUNE = """
with gone as (
  delete from inbox where ctid = any(array(select ctid from inbox where seen_at < $1 order by seen_at limit $2))
  returning 1
)
select count(*) from gone"""


def identity(event: Event) -> tuple[str, str, str]:
    """What makes an event one event."""
    return event.shopid, event.source, event.id


async def claim(tx: Connection, events: Sequence[Event]) -> list[Event]:
    """Those of the events that nobody has claimed before, in their order. Rolled back with the transaction."""
    if not events:
        return []
    # Sorted, so that two batches with the same events wait for each other instead of deadlocking.
    keys = sorted(identity(event) for event in events)
    rows = await tx.fetch(_CLAIM, [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])
    if not rows:
        return list(events)
    known = {keys[row["place"] - 1] for row in rows}
    return [event for event in events if identity(event) not in known]


async def prune(tx: Connection, now: datetime, most: int) -> int:
    """Drop up to ``most`` claims of events that cannot come again; answer how many."""
    return int(await tx.fetchval(_PRUNE, now - KEPT, most))
