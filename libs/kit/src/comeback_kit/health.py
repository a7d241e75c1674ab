"""``/livez``, ``/readyz`` (with ``caught_up``) and ``/metrics`` of every service."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import asyncpg
import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from comeback_kit import consumer, migrate, outbox, telemetry, timers
from comeback_kit.errors import Unavailable
from comeback_kit.log.port import LogUnavailable
from comeback_kit.runtime import Runtime

if TYPE_CHECKING:
    from comeback_kit.service import ServiceDefinition

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

WAIT_SECONDS = 1.0
_PAUSE = 0.01


class NotAlive(Unavailable):
    code = "not_alive"
    title = "This process should be restarted"


class NotReady(Unavailable):
    code = "not_ready"
    title = "Not ready to serve"


class NotCaughtUp(Unavailable):
    code = "not_caught_up"
    title = "Some accepted events have not had all their effects yet"


class Health:
    """What the health calls look at."""

    def __init__(self, definition: "ServiceDefinition", runtime: Runtime) -> None:
        self.definition = definition
        self.runtime = runtime
        self.consumer: consumer.Consumer | None = None
        self.stopping = False

    async def ready(self) -> None:
        """Raise ``NotReady`` unless the database answers and has the schema that this code wants."""
        if self.stopping:
            raise NotReady("shutting down")
        try:
            async with asyncio.timeout(2), self.runtime.db.lease() as connection:
                revision = await migrate.current(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise NotReady(f"the database does not answer: {type(error).__name__}") from error
        if revision != migrate.head(self.definition.migrations):
            raise NotReady(f"the schema is at {revision}; run migrations")
        for check in self.definition.ready:
            await check(self.runtime)

    async def caught_up(self) -> None:
        """Wait at most a second for all that was accepted before the call; raise ``NotCaughtUp`` with what is left.

        In the order in which effects follow each other: records of the log, due timers, the service's own work, the
        outbox. Each step's target is taken when the step before has been reached: what arrives meanwhile is not
        waited for.
        """
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        try:
            for lag in (await self._log_lag(), self._timers_lag, self._own_lag, self._outbox_lag()):
                await _until_none(lag, deadline)
        except (LogUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise NotCaughtUp(f"cannot tell: {type(error).__name__}") from error

    async def _log_lag(self) -> "_Lag":
        topics = [subscription.topic for subscription in self.definition.subscriptions]
        ends = await self.runtime.log.end_offsets(topics) if topics else {}

        async def lag() -> dict[str, int]:
            done = await self.runtime.log.committed(self.runtime.name, topics) if topics else {}
            behind = dict.fromkeys((f"log:{topic}" for topic in topics), 0)
            for place, end in ends.items():
                behind[f"log:{place.topic}"] += max(0, end - done.get(place, 0))
            return behind

        return lag

    async def _timers_lag(self) -> dict[str, int]:
        return {"timers": await timers.due(self.runtime, list(self.definition.timers))}

    async def _own_lag(self) -> dict[str, int]:
        lags: dict[str, int] = {}
        for check in self.definition.idle:
            lags.update(await check(self.runtime))
        return lags

    def _outbox_lag(self) -> "_Lag":
        newest: list[int] = []

        async def lag() -> dict[str, int]:
            if not newest:
                newest.append(await outbox.newest(self.runtime))
            return {"outbox": await outbox.pending(self.runtime, upto=newest[0])}

        return lag


_Lag: TypeAlias = Callable[[], Awaitable[dict[str, int]]]


async def _until_none(lag: _Lag, deadline: float) -> None:
    while True:
        left = {name: count for name, count in (await lag()).items() if count}
        if not left:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise NotCaughtUp(extra={"lags": left})
        await asyncio.sleep(_PAUSE)


@router.get("/livez")
async def livez(request: Request) -> Response:
    health: Health = request.app.state.health
    if health.consumer is not None and not health.consumer.healthy:
        raise NotAlive("the consumer stands still although there are records")
    return _ok()


@router.get("/readyz")
async def readyz(request: Request, caught_up: Annotated[bool, Query()] = False) -> Response:
    health: Health = request.app.state.health
    await health.ready()
    if caught_up:
        await health.caught_up()
    return _ok()


@router.get("/metrics")
async def metrics() -> Response:
    return telemetry.metrics_response()


def _ok() -> Response:
    return Response(msgspec.json.encode({"status": "ok"}), media_type="application/json")
