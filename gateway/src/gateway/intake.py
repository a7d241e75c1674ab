"""The only way into the event log: everything of a request in one append, acknowledged or refused as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from comeback_contracts.instants import parse_instant
from comeback_kit.db import Connection, Database
from comeback_kit.errors import TooLarge
from comeback_kit.events import MAX_EVENT_BYTES
from comeback_kit.log.port import Entry, EntryTooLarge, EventLog, LogUnavailable
from gateway import shops
from gateway.directory import Directory
from gateway.entries import Checked, first_and_rest
from gateway.errors import DatabaseAway, LogAway

_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Intake:
    """Appends entries; keeps the gateway's own copy of a shop in step with the ``shop.upserted`` that callers post."""

    def __init__(self, db: Database, event_log: EventLog, directory: Directory) -> None:
        self._db = db
        self._log = event_log
        self._directory = directory

    async def append(self, entries: Iterable[Entry]) -> None:
        """Return when the log has every entry. Raises ``LogAway`` (503), or ``TooLarge`` (413)."""
        first, rest = first_and_rest(entries)
        if any(len(entry.value) > MAX_EVENT_BYTES for part in (first, rest) for entry in part):
            raise TooLarge(f"an event is larger than {MAX_EVENT_BYTES} bytes, which no reader takes")
        try:
            await self._log.append(rest, first=first)
        except LogUnavailable as error:
            raise LogAway from error
        except EntryTooLarge as error:
            raise TooLarge("an event is larger than the event log takes") from error

    async def append_with_shops(self, entries: Iterable[Entry], changes: Iterable[Checked]) -> None:
        """The same, with changes of the caller's own shop. They are saved first: a refused append undoes them."""
        try:
            async with self._db.work() as tx:
                for change in changes:
                    await _save(tx, change)
                await self.append(entries)
        except _AWAY as error:
            raise DatabaseAway from error
        for change in changes:
            self._directory.forget_shop(change.data["shop_id"])


async def _save(tx: Connection, change: Checked) -> None:
    saved = await shops.find_profile(tx, change.data["shop_id"])
    if saved is not None:  # it is: its key was used
        profile = replace(saved.profile, **_fields(change.data))
        await shops.save_profile(tx, profile, b"", _at(change), published=True)


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("name", "currency", "time_zone", "locale", "country", "url") if name in data}


def _at(change: Checked) -> datetime:
    return parse_instant(change.data.get("updated_at") or change.time)
