"""Writing outcomes down while others are on their way: gathered, retried until the database has them, never lost."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import asyncpg
from prometheus_client import Counter

from comeback_kit.runtime import Runtime
from notifications import marks
from notifications.outcomes import Outcome
from notifications.transport import Transport

log = logging.getLogger(__name__)

MESSAGES: Final = Counter(
    "comeback_messages_total", "Attempts to hand a message over, by what came of them", ["workflow", "state"]
)
DATABASE_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_UNWRITABLE: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_MOST: Final = 200
_LINGER: Final = 0.01
_REST_FIRST: Final = 0.1
_REST_MOST: Final = 5.0


class Marker:
    """Marks what one dispatcher hands over. ``done`` is told of the outcomes that have been written."""

    def __init__(
        self, runtime: Runtime, transport: Transport, owner: str, done: Callable[[list[Outcome]], None]
    ) -> None:
        self._runtime = runtime
        self._transport = transport
        self._owner = owner
        self._done = done
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()

    def put(self, outcome: Outcome) -> None:
        """Take an outcome to be written."""
        self._outcomes.put_nowait(outcome)

    async def step(self, *, more: Callable[[], bool]) -> None:
        """Write the outcomes that are there; ``more`` says whether others are on their way, to be written together."""
        outcomes = [await self._outcomes.get()]
        if more():
            await asyncio.sleep(_LINGER)
        while len(outcomes) < _MOST and not self._outcomes.empty():
            outcomes.append(self._outcomes.get_nowait())
        try:
            await self._write(outcomes)
        except Exception:
            for outcome in outcomes:  # they happened, so they are not forgotten
                self.put(outcome)
            raise
        for outcome in outcomes:
            MESSAGES.labels(outcome.message.workflow, outcome.state).inc()
        self._done(outcomes)
        self._runtime.wake_relay()

    async def _write(self, outcomes: list[Outcome]) -> None:
        # What happened outside cannot be undone, so it is written down however long the database is away.
        rest = _REST_FIRST
        while True:
            try:
                async with self._runtime.db.work() as tx:
                    gone = await marks.mark(tx, outcomes, owner=self._owner, now=self._runtime.clock())
                break
            except _UNWRITABLE:
                log.exception("outcomes cannot be written as they are")
                outcomes = await self._write_one_by_one(outcomes)
            except DATABASE_AWAY as error:
                log.warning("cannot mark messages: %s", error)
                await asyncio.sleep(rest)
                rest = min(rest * 2, _REST_MOST)
        await self._transport.forget(gone)

    async def _write_one_by_one(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Write the others, so that one that the database refuses is alone; that one then goes without its mail."""
        if len(outcomes) == 1:
            return [replace(outcomes[0], mail=None, reply=None)]
        for outcome in outcomes:
            await self._write([outcome])
        return []
