"""The dispatcher: claims due messages, hands them over on several connections at once, writes down what came of it.

Claiming, sending and marking overlap: while workers send, the next messages are claimed and finished ones are marked
together. It runs in any number of processes; a message is in the hands of one at a time.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final

import asyncpg

from comeback_kit.runtime import Runtime
from notifications import claims, marks
from notifications.claims import Claimed
from notifications.composing import compose, sender_for
from notifications.mime import to_bytes
from notifications.outcomes import Outcome, Patience, outcome_of, refuse
from notifications.pauses import Pauses
from notifications.service_state import ServiceState, state_of
from notifications.transport import Outgoing

log = logging.getLogger(__name__)

_AHEAD: Final = 8  # claimed messages per connection: enough that no connection waits for the database
_MARK_MOST: Final = 200
_DATABASE_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Dispatcher:
    """Sends due messages until it is stopped."""

    def __init__(self, runtime: Runtime, state: ServiceState) -> None:
        settings = state.settings
        self._runtime = runtime
        self._state = state
        self._owner = secrets.token_hex(8)
        self._sender = sender_for(settings.mail_from, settings.public_url)
        self._lease = timedelta(seconds=settings.mail_lease)
        self._patience = Patience(
            timedelta(seconds=settings.mail_retry),
            timedelta(seconds=settings.mail_retry_most),
            timedelta(hours=settings.mail_give_up),
        )
        self._most = state.transport.width * _AHEAD
        self._held: dict[tuple[str, str], Claimed] = {}
        self._queue: asyncio.Queue[Claimed] = asyncio.Queue()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._room = asyncio.Event()
        self._pauses = Pauses()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start claiming, sending, marking and renewing leases."""
        loops = [self._claim(), self._mark(), self._renew()]
        loops += [self._send() for _ in range(self._state.transport.width)]
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self, timeout: float = 3.0) -> None:
        """Claim no more, let what is being sent end and be marked within ``timeout`` seconds, give the rest back."""
        claiming, *others = self._tasks
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)
        while not self._queue.empty():
            self._held.pop(self._queue.get_nowait().key, None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._held:
                    self._room.clear()
                    await self._room.wait()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        with contextlib.suppress(*_DATABASE_AWAY):
            async with asyncio.timeout(1.0), self._runtime.db.work() as tx:
                await claims.release(tx, owner=self._owner, now=self._runtime.clock())
        await self._state.transport.close()

    @property
    def healthy(self) -> bool:
        """Whether every loop is still running."""
        return all(not task.done() for task in self._tasks)

    async def _claim(self) -> None:
        while True:
            await self._wait_for_room()
            most = 1 if self._pauses.away else self._most - len(self._held)
            try:
                claimed = await self._take(most)
            except _DATABASE_AWAY as error:
                log.warning("cannot claim messages: %s", error)
                await self._pauses.failed()
                continue
            for message in claimed:
                self._held[message.key] = message
                self._queue.put_nowait(message)
            if claimed:
                self._pauses.busy()
            else:
                await self._pauses.idle(self._state.dispatch_wanted)

    async def _wait_for_room(self) -> None:
        await self._pauses.while_away()
        while len(self._held) >= (1 if self._pauses.away else self._most // 2):
            self._room.clear()
            await self._room.wait()

    async def _take(self, most: int) -> list[Claimed]:
        async with self._runtime.db.work() as tx:
            return await claims.claim(
                tx,
                self._state.secrets,
                owner=self._owner,
                most=most,
                lease=self._lease,
                now=self._runtime.clock(),
            )

    async def _send(self) -> None:
        while True:
            message = await self._queue.get()
            try:
                outcome = await self._attempt(message)
            except Exception:  # a message that cannot be made into a mail must not stop the others
                log.exception("message cannot be composed", extra={"fields": {"message_id": message.id}})
                outcome = Outcome(message, "failed", "not_renderable")
            self._outcomes.put_nowait(outcome)

    async def _attempt(self, message: Claimed) -> Outcome:
        refused = refuse(message, self._runtime.clock())
        address = message.address
        if refused is not None or address is None:
            return refused or Outcome(message, "skipped", "no_contact")
        mail = compose(message, address, self._sender, self._runtime.clock())
        verdict = await self._state.transport.deliver(
            Outgoing(message.id, self._sender.address, address, to_bytes(mail))
        )
        self._pauses.heard(verdict)
        return outcome_of(message, mail, verdict, self._patience, self._runtime.clock())

    async def _mark(self) -> None:
        while True:
            outcomes = [await self._outcomes.get()]
            while len(outcomes) < _MARK_MOST and not self._outcomes.empty():
                outcomes.append(self._outcomes.get_nowait())
            await self._write(outcomes)
            for outcome in outcomes:
                self._held.pop(outcome.message.key, None)
            self._room.set()
            self._runtime.wake_relay()

    async def _write(self, outcomes: list[Outcome]) -> None:
        # What happened outside cannot be undone, so it is written down however long the database is away.
        delay = 0.1
        while True:
            try:
                async with self._runtime.db.work() as tx:
                    gone = await marks.mark(tx, outcomes, owner=self._owner, now=self._runtime.clock())
            except _DATABASE_AWAY as error:
                log.warning("cannot mark messages: %s", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
            else:
                await self._state.transport.forget(gone)
                return

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            keys = sorted(self._held)
            if not keys:
                continue
            with contextlib.suppress(*_DATABASE_AWAY):
                async with self._runtime.db.work() as tx:
                    until = self._runtime.clock() + self._lease
                    await claims.renew(tx, keys, owner=self._owner, until=until)


@contextlib.asynccontextmanager
async def dispatching(runtime: Runtime) -> AsyncIterator[None]:
    """Send mails while the block runs; the kit enters it where the role ``timers`` runs."""
    dispatcher = Dispatcher(runtime, state_of(runtime))
    dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.stop()


async def not_handed_over(runtime: Runtime) -> Mapping[str, int]:
    """How many messages are due and have not left: part of ``caught_up``."""
    async with runtime.db.work() as tx:
        return {"mails": await tx.fetchval("select count(*) from messages where state = 'sending'")}
