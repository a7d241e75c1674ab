"""The wiring of the gateway: ``create_app`` and what its lifespan opens and closes."""

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from comeback_contracts.topics import TOPICS
from comeback_kit import migrate, problems
from comeback_kit.auth import Minter
from comeback_kit.db import Database
from comeback_kit.errors import DomainError
from comeback_kit.health import Health
from comeback_kit.log import open_log
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.runtime import Clock, Runtime, system_clock
from comeback_kit.service import ServiceDefinition
from gateway import document, health, post_purchase, publishing, shops
from gateway.credentials import Authenticator
from gateway.directory import Directory
from gateway.errors import WrongMasterKey
from gateway.front import Front
from gateway.ingest import routes as ingest_routes
from gateway.intake import Intake
from gateway.parts import Parts
from gateway.settings import SERVICES, Settings
from gateway.upstream import Missing, Upstream
from gateway.upstream_app import AppUpstream
from gateway.upstream_http import HttpUpstream
from gateway.vault import Vault
from gateway.webhooks import routes as webhook_routes

NAME: Final = "gateway"
DEFINITION: Final = ServiceDefinition(name=NAME, title="Comeback")
"""Not run by the kit (the gateway checks the callers' own credentials); its health calls look at it."""


class GatewayApp(FastAPI):
    """FastAPI for the gateway's own routes, behind the front: what is proxied never enters it."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.front if scope["type"] == "http" else self.own)(scope, receive, send)

    async def own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The gateway's own routes, and its lifespan."""
        await super().__call__(scope, receive, send)


def create_app(
    settings: Settings | None = None,
    *,
    log: EventLog | None = None,
    clock: Clock | None = None,
    services: Mapping[str, ASGIApp] | None = None,
) -> GatewayApp:
    """The gateway. ``services``: apps in this process by name, whose lifespans are the caller's; others by their URL.

    A log that is given is the caller's: it is neither started nor stopped here.
    """
    settings = settings or Settings()
    event_log = log or _open_log(settings)
    clock = clock or system_clock
    db = Database(settings.database_url, NAME, api_pool=1, worker_pool=settings.pool_api)
    vault = vault_of(settings)
    directory = Directory(db, vault, clock)
    parts = Parts(
        directory=directory,
        intake=Intake(db, event_log, directory),
        minter=Minter(settings.internal_private_key),
        upstreams=_upstreams(settings, services or {}),
        vault=vault,
        clock=clock,
    )
    app = GatewayApp(
        title="Comeback",
        version=DEFINITION.version,
        lifespan=_lifespan(settings, db, event_log, parts, own_log=log is None),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    problems.install(app)
    for router in (health.router, document.router, ingest_routes.router, webhook_routes.router, post_purchase.router):
        app.include_router(router)
    authenticator = Authenticator(directory, lambda: clock().timestamp())
    app.add_exception_handler(Exception, _unexpected)
    app.front = Front(app.own, upstreams=parts.upstreams, authenticator=authenticator, minter=parts.minter)
    return app


async def _unexpected(request: Request, _: Exception) -> Response:
    # Starlette sends this and raises the error on, so that it is logged.
    detail = "an unexpected error; the request id names it in our logs"
    return problems.response(DomainError(detail), problems.request_id_of(request))


def vault_of(settings: Settings) -> Vault:
    """What shop keys are hashed and secrets are sealed with."""
    if settings.master_key is not None:
        return Vault(settings.master_key)
    # Whether the private key is written as a PEM or on one line must not matter.
    return Vault("".join(re.sub(r"-----[A-Z ]+-----|\\n", "", settings.internal_private_key).split()))


def _open_log(settings: Settings) -> EventLog:
    if settings.log_url is None:
        raise ValueError("GATEWAY_LOG_URL is not set: kafka://host:port or postgresql://…")
    return open_log(settings.log_url)


def _upstreams(settings: Settings, services: Mapping[str, ASGIApp]) -> dict[str, Upstream]:
    return {name: _upstream(name, settings, services.get(name)) for name in SERVICES}


def _upstream(name: str, settings: Settings, app: ASGIApp | None) -> Upstream:
    url = settings.service_url(name)
    limit, timeout = settings.upstream_limit, settings.upstream_timeout
    if app is not None:
        return AppUpstream(app, limit=limit, timeout=timeout)
    return Missing(name) if url is None else HttpUpstream(url, limit=limit, timeout=timeout)


def _lifespan(
    settings: Settings, db: Database, event_log: EventLog, parts: Parts, *, own_log: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if settings.migrate_on_start:
                await migrate.upgrade(settings.database_url, NAME, NAME)
            await db.open()
            stack.push_async_callback(db.close)
            await check_master_key(db, parts.vault)
            if own_log:
                await event_log.start()
                stack.push_async_callback(event_log.stop)
            await event_log.ensure_topics(topic_specs())
            for upstream in parts.upstreams.values():
                await upstream.open()
                stack.push_async_callback(upstream.close)
            await stack.enter_async_context(parts.directory.running())
            await stack.enter_async_context(publishing.running(db, event_log))
            app.state.runtime = Runtime(name=NAME, settings=settings, db=db, log=event_log, clock=parts.clock)
            app.state.health = Health(DEFINITION, app.state.runtime)
            try:
                yield
            finally:
                app.state.health.stopping = True

    return lifespan


def topic_specs() -> list[TopicSpec]:
    """Every topic of the contract: the gateway is the first that writes."""
    return [TopicSpec(one.name, one.partitions, one.retention, one.compacted) for one in TOPICS.values()]


async def check_master_key(db: Database, vault: Vault) -> None:
    """Raise ``WrongMasterKey`` unless this database's secrets were written with the same master key."""
    async with db.work() as tx:
        if not await shops.check_master_key(tx, vault.fingerprint("master key", b"")):
            raise WrongMasterKey("GATEWAY_MASTER_KEY is not the key that this database's secrets were written with")
