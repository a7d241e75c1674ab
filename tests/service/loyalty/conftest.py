"""One service for all tests of this folder; every test starts with empty tables and one shop."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from comeback_contracts.registry import event_type
from loyalty import earning, posting
from loyalty.app import create_app
from loyalty.ledger import Ledger
from loyalty.settings import Settings
from tests.service.loyalty.world import START, World
from tests.support.apps import Clock, ServiceUnderTest, service_app
from tests.support.postgres import TestServer, postgres

__all__ = ["postgres"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The service lives as long as the session, so its tests share the session's event loop."""
    for item in items:
        if "tests/service/loyalty" in item.path.as_posix() and inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few orders are settled in several steps, as those of hundreds are."""
    monkeypatch.setattr(earning, "STEP", 2)


@pytest.fixture(autouse=True)
def nothing_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only lots of changed members are written: no lot may change without its member."""
    take = posting.take

    def checked(ledger: Ledger, *, together: bool = False) -> posting.Rows:
        kept = [
            (book.key, lot.lot_id)
            for book in ledger.books.values()
            for lot in book.lots.values()
            if lot.changed and not book.changed
        ]
        assert not kept, f"changed, and not written: {kept}"
        return take(ledger, together=together)

    monkeypatch.setattr(posting, "take", checked)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(postgres: TestServer) -> AsyncIterator[tuple[ServiceUnderTest, Clock]]:
    clock = Clock(START)
    async with service_app(create_app, Settings, postgres, service="loyalty", clock=clock, roles="api") as service:
        yield service, clock


@pytest_asyncio.fixture(loop_scope="session")
async def shop(running: tuple[ServiceUnderTest, Clock]) -> AsyncIterator[World]:
    """The service, its clock at 2026-03-10 12:00 UTC, with the shop ``demo``; afterwards the ledger is proven
    and every event that was told fits its contract."""
    service, clock = running
    await empty(service)
    clock.now = START
    made = World(service, clock)
    await made.shop()
    yield made
    await made.client.aclose()
    await made.check()
    for one in await made.published():
        event_type(one.type).model.model_validate(msgspec.json.decode(one.data))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent from now on, beside BEGIN and COMMIT."""
    found: list[str] = []

    def noted(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(call)
        async def note(connection: Any, statement: str, *arguments: Any, **named: Any) -> Any:
            if not statement.startswith(("BEGIN", "COMMIT")):
                found.append(statement)
            return await call(connection, statement, *arguments, **named)

        return note

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(asyncpg.Connection, name, noted(getattr(asyncpg.Connection, name)))
    return found


async def empty(service: ServiceUnderTest) -> None:
    """Remove everything of earlier tests."""
    connection = await asyncpg.connect(service.database_url)
    try:
        tables = await connection.fetchval(
            "select string_agg(quote_ident(tablename), ', ') from pg_tables "
            "where schemaname = 'public' and tablename <> 'alembic_version'"
        )
        await connection.execute(f"truncate {tables} restart identity")
    finally:
        await connection.close()
    service.runtime.state.clear()
