"""Shops: their name, address and language, which the pages carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.events import Event
from feedback.views import ShopData


@dataclass(frozen=True, slots=True)
class Shop:
    """What a page says of a shop. One that has not introduced itself is called by its id."""

    name: str
    locale: str
    url: str | None = None


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
        """insert into shops (shop_id, name, locale, url, updated_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
           on conflict (shop_id) do update
             set name = excluded.name, locale = excluded.locale, url = excluded.url, updated_at = excluded.updated_at
             where excluded.updated_at >= shops.updated_at""",
        shops,
        [latest[shop][1].name for shop in shops],
        [latest[shop][1].locale for shop in shops],
        [latest[shop][1].url for shop in shops],
        [latest[shop][0] for shop in shops],
    )


async def read(tx: Connection, shop_ids: Iterable[str]) -> dict[str, Shop]:
    """What is known of these shops."""
    wanted = sorted(set(shop_ids))
    rows = await tx.fetch(
        "select s.shop_id, s.name, s.locale, s.url from shops s join unnest($1::text[]) as w(shop_id) using (shop_id)",
        wanted,
    )
    known = {row["shop_id"]: Shop(row["name"] or row["shop_id"], row["locale"], row["url"]) for row in rows}
    return {shop_id: known.get(shop_id) or Shop(shop_id, "en") for shop_id in wanted}
