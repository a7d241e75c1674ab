"""What a batch of the shops topic does: the name, address and language that mails carry."""

from collections.abc import Sequence
from datetime import datetime

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from notifications.views import ShopData


async def take_shops(tx: Connection, events: Sequence[Event], _context: Context) -> None:
    """Keep the latest ``shop.upserted`` of each shop."""
    latest: dict[str, tuple[datetime, ShopData]] = {}
    for event in events:
        data = event.view(ShopData)
        at = data.updated_at or event.at
        if event.shopid not in latest or at >= latest[event.shopid][0]:
            latest[event.shopid] = (at, data)
    shops = sorted(latest)
    await tx.execute(
        """insert into shops (shop_id, name, time_zone, locale, url, updated_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
           on conflict (shop_id) do update
             set name = excluded.name, time_zone = excluded.time_zone, locale = excluded.locale, url = excluded.url,
                 updated_at = excluded.updated_at
             where excluded.updated_at >= shops.updated_at""",
        shops,
        [latest[shop][1].name for shop in shops],
        [latest[shop][1].time_zone for shop in shops],
        [latest[shop][1].locale for shop in shops],
        [latest[shop][1].url for shop in shops],
        [latest[shop][0] for shop in shops],
    )
