"""``shop.upserted``: what the other services know of a shop. The row says which revision the log has.

A change is saved first and published by whoever gets to it: the request or command that made it, or the loop of any
running gateway. So a log that is away delays the event and never loses it.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import msgspec

from comeback_contracts.instants import format_instant
from comeback_contracts.shops import ShopUpserted
from comeback_kit.db import Connection, Database
from comeback_kit.log.port import Entry, EventLog, LogUnavailable
from gateway.entries import Checked, Origin, entries_of
from gateway.shops import Profile, SavedProfile

log = logging.getLogger(__name__)

SOURCE: Final = "comeback/gateway"
_EVERY: Final = 5.0
_BATCH: Final = 100
_AWAY = (LogUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

# Locked while they are appended: of two gateways that publish one shop, the later revision must come last.
_WAITING: Final = """
select shop_id, name, currency, time_zone, locale, country, url, revision, updated_at from shops
where published < revision order by shop_id limit $1 for update skip locked"""


async def publish_waiting(db: Database, event_log: EventLog) -> int:
    """Publish the shops whose last change is not on the log; answer how many. Raises ``LogUnavailable``."""
    done = 0
    while True:
        async with db.work() as tx:
            rows = await tx.fetch(_WAITING, _BATCH)
            if not rows:
                return done
            await event_log.append([_entry(row) for row in rows])
            await _mark(tx, rows)
        done += len(rows)


async def waiting(tx: Connection) -> int:
    """How many shops have a change that is not on the log."""
    return int(await tx.fetchval("select count(*) from shops where published < revision"))


@contextlib.asynccontextmanager
async def running(db: Database, event_log: EventLog) -> AsyncIterator[None]:
    """Publishes what waits, now and every few seconds."""
    task = asyncio.create_task(_publish_for_ever(db, event_log))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _publish_for_ever(db: Database, event_log: EventLog) -> None:
    while True:
        try:
            await publish_waiting(db, event_log)
        except _AWAY as error:
            log.warning("shops wait to be published", extra={"fields": {"error": repr(error)}})
        await asyncio.sleep(_EVERY)


async def _mark(tx: Connection, rows: list[Any]) -> None:
    await tx.execute(
        """update shops s set published = u.revision
           from unnest($1::text[], $2::int[]) as u(shop_id, revision) where s.shop_id = u.shop_id""",
        [row["shop_id"] for row in rows],
        [row["revision"] for row in rows],
    )


def _entry(row: Any) -> Entry:
    profile = Profile(*list(row.values())[:7])
    event = shop_event(SavedProfile(profile, row["revision"], row["updated_at"]))
    return entries_of(event, Origin(profile.shop_id, SOURCE, b""))[0]


def shop_event(saved: SavedProfile) -> Checked:
    """The event of a shop's revision; its id follows from the content, so that publishing again changes nothing."""
    at = format_instant(saved.updated_at)
    profile = saved.profile
    data = ShopUpserted(
        shop_id=profile.shop_id,
        name=profile.name,
        currency=profile.currency,
        time_zone=profile.time_zone,
        locale=profile.locale,
        country=profile.country,
        url=profile.url,
        updated_at=saved.updated_at,
    ).as_data()
    digest = hashlib.sha256(msgspec.json.encode([data, saved.revision], order="sorted")).hexdigest()
    return Checked(f"shop:{digest[:32]}", "shop.upserted", at, data)
