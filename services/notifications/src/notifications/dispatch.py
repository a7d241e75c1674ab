"""The dispatcher: claims due messages, hands them over on several connections at once, writes down what came of it.

Claiming, sending and marking overlap: while workers send, the next messages are claimed and finished ones are marked
together. It runs in any number of processes; a message is in the hands of one at a time.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from comeback_kit.runtime import Runtime
from notifications import claims
from notifications.claims import Claimed
from notifications.composing import compose, sender_for
from notifications.marking import DATABASE_AWAY, Marker
from notifications.mime import to_bytes
from notifications.outcomes import Outcome, Patience, outcome_of, refuse
from notifications.pauses import Pauses
from notifications.service_state import ServiceState, state_of
from notifications.transport import Outgoing, Verdict

log = logging.getLogger(__name__)

_AHEAD: Final = 8  # claimed messages per connection: enough that no connection waits for the database
_REST_FIRST: Final = 0.1
_REST_MOST: Final = 5.0


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
        self._room = asyncio.Event()
        self._pauses = Pauses()
        self._marker = Marker(runtime, state.transport, self._owner, self._done)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start claiming, sending, marking and renewing leases."""
        steps = [self._claim, self._mark, self._renew, *[self._send] * self._state.transport.width]
        self._tasks = [asyncio.create_task(_forever(step)) for step in steps]

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
        with contextlib.suppress(*DATABASE_AWAY):
            async with asyncio.timeout(1.0), self._runtime.db.work() as tx:
                await claims.release(tx, owner=self._owner, now=self._runtime.clock())
        await self._state.transport.close()

    async def _claim(self) -> None:
        await self._wait_for_room()
        most = 1 if self._pauses.away else self._most - len(self._held)
        async with self._runtime.db.work() as tx:
            claimed = await claims.claim(
                tx,
                self._state.secrets,
                owner=self._owner,
                most=most,
                lease=self._lease,
                now=self._runtime.clock(),
            )
        for message in claimed:
            if message.key not in self._held:  # a lease of our own that ran out (the process stood still)
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

    async def _send(self) -> None:
        message = await self._queue.get()
        now = self._runtime.clock()
        refused = refuse(message, now)
        if refused is not None or message.address is None:
            self._marker.put(refused or Outcome(message, "skipped", "no_contact"))
            return
        try:
            mail = compose(message, message.address, self._sender, now)
            content = to_bytes(mail)
        except Exception:  # a message that cannot be made into a mail must not stop the others
            log.exception("message cannot be composed", extra={"fields": {"message_id": message.id}})
            self._marker.put(Outcome(message, "failed", "not_renderable"))
            return
        verdict = await self._deliver(Outgoing(message.id, self._sender.address, message.address, content))
        self._pauses.heard(verdict)
        self._marker.put(outcome_of(message, mail, verdict, self._patience, self._runtime.clock()))

    async def _deliver(self, mail: Outgoing) -> Verdict:
        try:
            return await self._state.transport.deliver(mail)
        except Exception:  # whatever a library raises, the message is tried again and the others go on
            log.exception("unexpected failure of the transport", extra={"fields": {"message_id": mail.name}})
            return Verdict("retry", "unexpected failure")

    async def _mark(self) -> None:
        await self._marker.step(more=lambda: len(self._held) > 1)

    def _done(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._held.pop(outcome.message.key, None)
        self._room.set()

    async def _renew(self) -> None:
        await asyncio.sleep(self._lease.total_seconds() / 3)
        keys = sorted(self._held)
        if keys:
            async with self._runtime.db.work() as tx:
                await claims.renew(tx, keys, owner=self._owner, until=self._runtime.clock() + self._lease)


async def _forever(step: Callable[[], Awaitable[None]]) -> None:
    """Run a step again and again; a failure is logged, rested after, and ends nothing."""
    rest = _REST_FIRST
    while True:
        try:
            await step()
            rest = _REST_FIRST
        except DATABASE_AWAY as error:
            log.warning("the mail dispatcher waits for the database: %s", error)
            await asyncio.sleep(rest)
            rest = min(rest * 2, _REST_MOST)
        except Exception:  # a dispatcher that died would stop every mail
            log.exception("unexpected failure in the mail dispatcher")
            await asyncio.sleep(_REST_MOST)


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
