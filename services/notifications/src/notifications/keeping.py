"""How long mails are kept: their texts and addresses go after a while, what became of each message stays."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

from comeback_kit import background
from comeback_kit.runtime import Runtime
from notifications.ids import first_id_at
from notifications.marking import DATABASE_AWAY
from notifications.service_state import state_of

log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 3600
_CHUNK: Final = 500  # mails a shop and transaction, so that none is long

# Ids sort by time, so the primary key finds the oldest mails of each shop without an index on their date.
_REMOVE: Final = """
    delete from mails d using (
      select old.shop_id, old.message_id from secrets s
      cross join lateral (
        select m.shop_id, m.message_id from mails m
        where m.shop_id = s.shop_id and m.message_id < $1 order by m.message_id limit $2
      ) old
    ) w where d.shop_id = w.shop_id and d.message_id = w.message_id
    returning d.message_id"""


@contextlib.asynccontextmanager
async def keeping(runtime: Runtime) -> AsyncIterator[None]:
    """Remove old mails once an hour while the block runs."""
    async with background.running(_loop(runtime), "mail-retention"):
        yield


async def remove_old_mails(runtime: Runtime) -> int:
    """Remove mails of messages made longer ago than the setting says, ``.eml`` files too; answer how many."""
    state = state_of(runtime)
    before = first_id_at(runtime.clock() - timedelta(days=state.settings.mail_kept_days))
    total = 0
    while True:
        async with runtime.db.work() as tx:
            rows: list[Any] = await tx.fetch(_REMOVE, before, _CHUNK)
            # Before the commit: a file whose row is gone would be found by nobody.
            await state.transport.forget([row["message_id"] for row in rows])
        total += len(rows)
        if not rows:
            return total


async def _loop(runtime: Runtime) -> None:
    while True:
        try:
            removed = await remove_old_mails(runtime)
            if removed:
                log.info("removed %d old mails", removed)
        except DATABASE_AWAY as error:
            log.warning("old mails could not be removed, tried again later: %s", error)
        await asyncio.sleep(_EVERY_SECONDS)
