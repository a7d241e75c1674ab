"""One service's app on real PostgreSQL with the table log, its lifespan entered, and clients for any caller."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from comeback_kit.auth import Kind, Minter, Principal, generate_key_pair
from comeback_kit.log.port import EventLog
from comeback_kit.log.postgres import PostgresLog
from comeback_kit.runtime import Runtime
from tests.support.postgres import TestServer

KEYS = generate_key_pair()
MINTER = Minter(KEYS.private)


class Clock:
    """A clock that tests move by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class ServiceUnderTest:
    """A running service: its runtime, its app, and ``client(...)`` for a caller."""

    app: FastAPI
    runtime: Runtime
    log: EventLog
    database_url: str

    def client(
        self,
        shop_id: str = "demo",
        subject: str = "test",
        kind: Kind = "key",
        scopes: frozenset[str] = frozenset({"admin"}),
    ) -> httpx.AsyncClient:
        """A client with the internal token of a caller (default: a shop key with all scopes)."""
        token = MINTER.token(Principal(shop_id, subject, kind, scopes if kind == "key" else frozenset()))
        return self.anonymous(headers={"Authorization": f"Bearer {token}"})

    def customer(self, customer_id: str, shop_id: str = "demo") -> httpx.AsyncClient:
        """A client with a customer's own token."""
        return self.client(shop_id, customer_id, "customer")

    def anonymous(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A client without credentials."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


@contextlib.asynccontextmanager
async def service_app(
    create_app: Callable[..., FastAPI],
    settings_type: Callable[..., Any],
    postgres: TestServer,
    *,
    service: str,
    clock: Callable[[], datetime] | None = None,
    log: EventLog | None = None,
    roles: str = "api,consumer,relay,timers",
    **settings: Any,
) -> AsyncIterator[ServiceUnderTest]:
    """Run a service on a fresh database and a fresh table log (or the one given)."""
    database_url = await postgres.fresh(service)
    own_log = log is None
    log_url = await postgres.empty() if own_log else None
    event_log: EventLog = PostgresLog(log_url) if log_url is not None else log  # type: ignore[assignment]  # one of both is set
    if own_log:
        await event_log.start()
    try:
        configured = settings_type(database_url=database_url, internal_public_key=KEYS.public, roles=roles, **settings)
        app = create_app(configured, log=event_log, clock=clock)
        async with app.router.lifespan_context(app):
            yield ServiceUnderTest(app=app, runtime=app.state.runtime, log=event_log, database_url=database_url)
    finally:
        if own_log:
            await event_log.stop()
        await postgres.drop(database_url)
        if log_url is not None:
            await postgres.drop(log_url)
