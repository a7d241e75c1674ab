"""A gateway on real PostgreSQL with the table log, small real services behind it, and callers of every kind."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.types import ASGIApp

from comeback_contracts.envelope import Event, decode
from comeback_kit.log.port import EventLog, Record
from comeback_kit.log.postgres import PostgresLog
from gateway.admin import Administration
from gateway.app import create_app
from gateway.bootstrap import FirstShop, ensure_shop
from gateway.keys import generate
from gateway.parts import Parts
from gateway.settings import Settings
from tests.service.gateway.small_services import small_services
from tests.support.apps import KEYS
from tests.support.postgres import TestServer

SHOP_KEY = "cbk_demo0001_" + "k" * 40
CUSTOMER_SECRET = "customer-secret-of-the-gateway-tests"
SHOPIFY_SECRET = "shopify-secret-of-the-gateway-tests"
MASTER_KEY = "master-key-of-the-gateway-tests-0123456789"
INGEST = tuple(f"comeback.{name}.v1" for name in ("orders", "customers", "activity", "catalog", "shops"))


def first_shop(shop_id: str = "demo", **changes: Any) -> FirstShop:
    """The shop of these tests."""
    given = {"key": SHOP_KEY, "customer_secret": CUSTOMER_SECRET, "shopify_secret": SHOPIFY_SECRET, **changes}
    return FirstShop(shop_id, **given)


def customer_token(subject: str, shop_id: str = "demo", secret: str = CUSTOMER_SECRET, **claims: Any) -> str:
    """A token as a shop's own server would sign it."""
    now = int(time.time())
    payload = {"sub": subject, "aud": shop_id, "iat": now, "exp": now + 600, **claims}
    return jwt.encode({"alg": "HS256"}, payload, OctKey.import_key(secret))


@dataclass
class Running:
    """A running gateway."""

    app: FastAPI
    log: EventLog
    database_url: str
    log_url: str
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, token: str | None = SHOP_KEY, address: str = "203.0.113.9", **headers: str) -> httpx.AsyncClient:
        """A caller: with a shop key (the default), a customer's token, or None; from an address."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 5000))
        given = dict(headers) if token is None else {"Authorization": f"Bearer {token}", **headers}
        return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=given)

    @property
    def admin(self) -> Administration:
        """What the command line does, in this process."""
        parts = self.app.state.parts
        assert isinstance(parts, Parts)
        return Administration(self.app.state.runtime.db, parts.vault, parts.clock, parts.directory)

    async def new_key(self, *scopes: str, shop_id: str = "demo") -> str:
        """A new key with these scopes."""
        key = generate()
        await self.admin.put_key(shop_id, key, frozenset(scopes))
        return str(key)

    async def records(self, *topics: str) -> list[Record]:
        """Everything that is on the log now, in order per topic."""
        wanted = topics or INGEST
        ends = await self.log.end_offsets(wanted)
        consumer = self.log.consumer(f"test-{time.monotonic_ns()}", wanted)
        await consumer.start()
        found: list[Record] = []
        try:
            while len(found) < sum(ends.values()):
                found += await consumer.poll(1000, 2.0)
        finally:
            await consumer.stop()
        return found

    async def events(self, *topics: str) -> list[Event]:
        """The events on the log, the shops' own left out unless asked for."""
        wanted = topics or INGEST[:-1]
        return [decode(record.value) for record in await self.records(*wanted)]


def data_of(event: Event) -> dict[str, Any]:
    """An event's data."""
    return msgspec.json.decode(event.data, type=dict[str, Any])


@contextlib.asynccontextmanager
async def running_gateway(
    postgres: TestServer,
    *,
    services: Mapping[str, ASGIApp] | None = None,
    log: EventLog | None = None,
    shop: FirstShop | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Run a gateway on a fresh database and log, with the first shop in place."""
    database_url = await postgres.fresh("gateway")
    log_url = await postgres.empty()
    event_log = log or PostgresLog(log_url)
    await event_log.start()
    try:
        configured = Settings(
            database_url=database_url, internal_private_key=KEYS.private, master_key=MASTER_KEY, **settings
        )
        app = create_app(configured, log=event_log, services=small_services() if services is None else services)
        async with app.router.lifespan_context(app):
            await ensure_shop(app, shop or first_shop())
            yield Running(app=app, log=event_log, database_url=database_url, log_url=log_url)
    finally:
        await event_log.stop()
        await postgres.drop(database_url)
        await postgres.drop(log_url)
