"""A shop becomes known: its settings, its first program and reward, and the orders that waited for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from comeback_contracts.money import decimal_amount
from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from comeback_kit.timers import Timer
from loyalty import earning, occasions, orders, program_store
from loyalty.local_time import local_date, midnight
from loyalty.program.defaults import default_program, default_reward
from loyalty.program_store import ShopCache
from loyalty.views import ShopUpserted

FIRST_REWARD: Final = "amount-off-100"
_UPSERT: Final = """
insert into shops as s (shop_id, name, currency, time_zone, locale, country, url, updated_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::timestamptz[])
on conflict (shop_id) do update set name = excluded.name, currency = excluded.currency, time_zone = excluded.time_zone,
  locale = excluded.locale, country = excluded.country, url = excluded.url, updated_at = excluded.updated_at,
  revision = s.revision + 1
where s.updated_at <= excluded.updated_at"""
_FIRST_PROGRAM: Final = """
insert into programs (shop_id, version, document, valid_from, created_at, actor)
select shop_id, 1, $2, null, $3, 'comeback' from unnest($1::text[]) shop_id
on conflict (shop_id, version) do nothing returning shop_id"""
_FIRST_REWARD: Final = """
insert into rewards (shop_id, reward_id, document, created_at, updated_at)
select shop_id, $2, document, $4, $4 from unnest($1::text[], $3::jsonb[]) u(shop_id, document)
on conflict (shop_id, reward_id) do nothing"""
_WAITING: Final = """
select shop_id, order_id from orders join unnest($1::text[]) u(shop_id) using (shop_id)
where waiting order by shop_id, order_id limit $2"""
_BATCH: Final = 1000


async def upsert(tx: Connection, events: Sequence[Event], context: Context) -> None:
    """Take ``shop.upserted``: per shop the latest holds. Safe to repeat."""
    latest: dict[str, tuple[datetime, ShopUpserted]] = {}
    for event in events:
        view = event.view(ShopUpserted)
        at = view.updated_at or event.at
        if event.shopid not in latest or latest[event.shopid][0] <= at:
            latest[event.shopid] = (at, view)
    rows = [
        (shop_id, one.name, one.currency, one.time_zone, one.locale or "en", one.country or "", one.url, at)
        for shop_id, (at, one) in sorted(latest.items())
    ]
    if not rows:
        return
    await program_store.lock(tx, [row[0] for row in rows])
    await tx.execute(_UPSERT, *[list(column) for column in zip(*rows, strict=True)])
    document = default_program().model_dump(mode="json")
    fresh = await tx.fetch(_FIRST_PROGRAM, [row[0] for row in rows], document, context.now)
    rewards = [(row["shop_id"], _reward(latest[row["shop_id"]][1])) for row in fresh]
    if rewards:
        shop_ids, documents = [one[0] for one in rewards], [one[1] for one in rewards]
        await tx.execute(_FIRST_REWARD, shop_ids, FIRST_REWARD, documents, context.now)
        await timers.schedule(tx, [_occasions(shop_id, latest[shop_id][1], context.now) for shop_id, _ in rewards])
    await _settle_waiting(tx, [row[0] for row in rows], context)


async def _settle_waiting(tx: Connection, shop_ids: Sequence[str], context: Context) -> None:
    # Not the process's own cache: rolled back it would keep what never was, under a revision that comes again.
    shops = await program_store.load(tx, ShopCache(), shop_ids)
    while True:
        keys = [(row["shop_id"], row["order_id"]) for row in await tx.fetch(_WAITING, shop_ids, _BATCH)]
        if not keys:
            return
        await earning.settle(tx, await orders.lock(tx, keys), shops, context)


def _occasions(shop_id: str, shop: ShopUpserted, now: datetime) -> Timer:
    zone = ZoneInfo(shop.time_zone)
    tomorrow = local_date(now, zone) + timedelta(days=1)
    return occasions.first_timer(shop_id, tomorrow, midnight(tomorrow, zone))


def _reward(shop: ShopUpserted) -> dict[str, Any]:
    reward = default_reward(shop.currency)
    return {**reward, "name": f"{decimal_amount(reward['value'], shop.currency)} {shop.currency} off"}
