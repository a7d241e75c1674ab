"""``/livez``, ``/readyz`` (with ``caught_up``) and ``/metrics`` of every service."""

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

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
            async with asyncio.timeout(2), self.runtime.db.pool("api").acquire() as connection:
                revision = await migrate.current(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise NotReady(f"the database does not answer: {type(error).__name__}") from error
        if revision != migrate.head(self.definition.migrations):
            raise NotReady(f"the schema is at {revision}; run migrations")
        for check in self.definition.ready:
            await check(self.runtime)

    async def lags(self) -> dict[str, int]:
        """What has been accepted and not had its effect: records, outbox rows, due timers, the service's own."""
        lags = {
            f"log:{topic}": lag
            for topic, lag in (await consumer.lag(self.runtime, self.definition.subscriptions)).items()
        }
        for check in self.definition.idle:
            lags.update(await check(self.runtime))
        lags["timers"] = await timers.due(self.runtime, list(self.definition.timers))
        lags["outbox"] = await outbox.pending(self.runtime)
        return {name: lag for name, lag in lags.items() if lag}

    async def caught_up(self) -> None:
        """Wait at most a second for all lags to be nothing; raise ``NotCaughtUp`` with what is left."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            try:
                lags = await self.lags()
            except (LogUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                raise NotCaughtUp(f"cannot tell: {error}") from error
            if not lags:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise NotCaughtUp(extra={"lags": lags})
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
