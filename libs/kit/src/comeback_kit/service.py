"""What a service declares, and the app that runs it: roles started in order, stopped in order, each bounded."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

from fastapi import APIRouter, FastAPI

from comeback_kit import health, janitor, migrate, problems, telemetry
from comeback_kit.auth import Verifier
from comeback_kit.collector import settle_in
from comeback_kit.consumer import Consumer, Subscription
from comeback_kit.db import Database
from comeback_kit.directory import Directory
from comeback_kit.log import open_log
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.middleware import Edge
from comeback_kit.outbox import Relay
from comeback_kit.runtime import Clock, Runtime, system_clock
from comeback_kit.settings import ServiceSettings
from comeback_kit.timer_runner import TimerRunner
from comeback_kit.timers import TimerHandler

logger = logging.getLogger(__name__)

Background: TypeAlias = Callable[[Runtime], AbstractAsyncContextManager[None]]
IdleCheck: TypeAlias = Callable[[Runtime], Awaitable[Mapping[str, int]]]
ReadyCheck: TypeAlias = Callable[[Runtime], Awaitable[None]]


@dataclass(frozen=True)
class ServiceDefinition:
    """A service on one screen: its routes, what it subscribes to, its timers and its background work.

    ``idle`` adds lags of its own to ``/readyz?caught_up=true`` (mails not handed over), ``ready`` adds conditions to
    ``/readyz`` by raising ``Unavailable`` (an engine that still rebuilds). ``opening`` runs before any role starts,
    ``background`` only where the role ``timers`` runs, and so do ``prunes``, which the janitor calls with its own.
    """

    name: str
    title: str
    version: str = "0.1.0"
    description: str = ""
    package: str | None = None
    routers: Sequence[APIRouter] = ()
    topics: Iterable[TopicSpec] = ()
    subscriptions: Sequence[Subscription] = ()
    timers: Mapping[str, TimerHandler] = field(default_factory=dict)
    opening: Sequence[Background] = ()
    background: Sequence[Background] = ()
    prunes: Sequence[janitor.Prune] = ()
    idle: Sequence[IdleCheck] = ()
    ready: Sequence[ReadyCheck] = ()

    @property
    def migrations(self) -> str:
        """The package that holds ``migrations/``."""
        return self.package or self.name


def create_service_app(
    definition: ServiceDefinition,
    settings: ServiceSettings,
    *,
    log: EventLog | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The ASGI app of a service. Its lifespan opens the database and the log and runs the roles of the settings.

    A log that is given is the caller's: it is neither started nor stopped here.
    """
    app = FastAPI(
        title=definition.title,
        version=definition.version,
        description=definition.description,
        lifespan=_lifespan(definition, settings, log, clock or system_clock),
        redoc_url=None,
    )
    app.state.definition = definition
    verifier = Verifier(settings.internal_public_key) if settings.internal_public_key else None
    problems.install(app)
    app.include_router(health.router)
    if "api" in settings.roles:
        for router in definition.routers:
            app.include_router(router)
        app.add_middleware(Directory, owner=app, routers=definition.routers)
    app.add_middleware(Edge, service=definition.name, verifier=lambda: verifier)
    return app


def _lifespan(
    definition: ServiceDefinition, settings: ServiceSettings, given: EventLog | None, clock: Clock
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.runtime = await _open(stack, definition, settings, given, clock)
            app.state.health = await _start_roles(stack, definition, app.state.runtime)
            try:
                yield
            finally:
                app.state.health.stopping = True

    return lifespan


async def _open(
    stack: AsyncExitStack,
    definition: ServiceDefinition,
    settings: ServiceSettings,
    given: EventLog | None,
    clock: Clock,
) -> Runtime:
    if settings.migrate_on_start:
        await migrate.upgrade(settings.database_url, definition.name, definition.migrations)
    db = Database(settings.database_url, definition.name, api_pool=settings.pool_api)
    await db.open()
    stack.push_async_callback(db.close)
    event_log = given
    if event_log is None:
        if settings.log_url is None:
            raise ValueError(f"{definition.name.upper()}_LOG_URL is not set: kafka://host:port or postgresql://…")
        event_log = open_log(settings.log_url)
        await event_log.start()
        stack.push_async_callback(event_log.stop)
    await event_log.ensure_topics(definition.topics)
    runtime = Runtime(name=definition.name, settings=settings, db=db, log=event_log, clock=clock)
    for opening in definition.opening:
        await stack.enter_async_context(opening(runtime))
    return runtime


async def _start_roles(stack: AsyncExitStack, definition: ServiceDefinition, runtime: Runtime) -> health.Health:
    # Entered last, left first: consumers finish before the relay's last pass publishes what they wrote.
    roles = runtime.settings.roles
    state = health.Health(definition, runtime)
    if "relay" in roles:
        relay = Relay(runtime)
        await relay.start()
        stack.push_async_callback(relay.stop)
    if "timers" in roles:
        timers = TimerRunner(runtime, definition.timers)
        await timers.start()
        stack.push_async_callback(timers.stop)
        await stack.enter_async_context(janitor.running(runtime, definition.prunes))
        for background in definition.background:
            await stack.enter_async_context(background(runtime))
    if "consumer" in roles and definition.subscriptions:
        state.consumer = Consumer(runtime, definition.subscriptions, batch=runtime.settings.consumer_batch)
        await state.consumer.start()
        stack.push_async_callback(state.consumer.stop)
    logger.info("%s is up with the roles %s", definition.name, ", ".join(sorted(roles)))
    return state


def serve(app: FastAPI, *, host: str, port: int, level: str) -> None:
    """Run one service alone under uvicorn until SIGTERM or Ctrl-C."""
    import uvicorn  # noqa: PLC0415  # only where a process serves

    telemetry.configure_logging(level)
    settle_in()
    uvicorn.run(
        app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=4, server_header=False
    )
