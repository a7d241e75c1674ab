"""Two processes of one service share the work; one comes, one goes: nothing is lost, nothing counts twice."""

import asyncio
import contextlib
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

import loyalty.app
import loyalty.settings
from comeback_contracts.instants import parse_instant
from comeback_contracts.validation import validate
from comeback_kit.auth import Principal
from comeback_kit.log import Entry, EventLog
from gateway.app import topic_specs
from gateway.entries import Checked, Origin, entries_of
from tests.support.apps import KEYS, MINTER
from tests.support.kafka import KafkaBroker
from tests.support.log_reading import log_at, read_all
from tests.support.order_events import POINTS_PAID, Event, OrderStory
from tests.support.postgres import TestServer
from tests.support.shop import Shop
from tests.support.waiting import eventually

_ORIGIN = Origin("demo", "api", b"a secret for guests")


@pytest.fixture(params=["table", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log_url(request: pytest.FixtureRequest, postgres: TestServer) -> AsyncIterator[str]:
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        yield broker.url_for(f"r{uuid.uuid4().hex[:8]}")
    else:
        url = await postgres.empty()
        yield url
        await postgres.drop(url)


@pytest.fixture
async def database_url(postgres: TestServer) -> AsyncIterator[str]:
    url = await postgres.fresh("loyalty")
    yield url
    await postgres.drop(url)


@contextlib.asynccontextmanager
async def _loyalty(database_url: str, log_url: str) -> AsyncIterator[FastAPI]:
    """One process of loyalty, as far as database and log can tell."""
    async with log_at(log_url) as log:
        settings = loyalty.settings.Settings(database_url=database_url, internal_public_key=KEYS.public)
        app = loyalty.app.create_app(settings, log=log)
        async with app.router.lifespan_context(app):
            yield app


def _entries(event: Event) -> list[Entry]:
    at = parse_instant(event["occurred_at"])
    data = validate(event["type"], event["data"], time=at)
    return entries_of(Checked(event["id"], event["type"], event["occurred_at"], data), _ORIGIN)


def _shop_entry() -> Entry:
    now = OrderStory("x").paid()["occurred_at"]
    data = validate(
        "shop.upserted",
        {"shop_id": "demo", "name": "Demo", "currency": "EUR", "time_zone": "UTC", "locale": "en", "country": "DE"},
        time=parse_instant(now),
    )
    return entries_of(Checked("shop-1", "shop.upserted", now, data), _ORIGIN)[0]


class _Stream:
    """Appends paid orders, a few at a time, until it is told to stop."""

    def __init__(self, log: EventLog, prefix: str) -> None:
        self.stories: list[OrderStory] = []
        self._log = log
        self._prefix = prefix
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping:
            burst = [OrderStory(f"{self._prefix}-{len(self.stories) + number}") for number in range(5)]
            await self._log.append([entry for story in burst for entry in _entries(story.paid())])
            self.stories += burst
            await asyncio.sleep(0.01)

    async def more(self, count: int) -> None:
        wanted = len(self.stories) + count
        await eventually(lambda: len(self.stories) >= wanted, within=30.0)


def _partitions(app: FastAPI) -> Callable[[], set[tuple[str, int]]]:
    return lambda: set(app.state.health.consumer._log.assignment())


@pytest.mark.timeout(120)
async def test_members_come_and_go_and_every_order_counts_once(database_url: str, log_url: str, new_id: str) -> None:
    async with log_at(log_url) as log:
        assert await log.ensure_topics(topic_specs(), timeout=20.0)
        await log.append([_shop_entry()])
        stream = _Stream(log, new_id)
        streaming = asyncio.create_task(stream.run())
        try:
            async with _loyalty(database_url, log_url) as first:
                await stream.more(100)
                async with _loyalty(database_url, log_url) as second:
                    await eventually(_partitions(second), within=30.0)
                    await stream.more(200)
                    assert _partitions(first)(), "the first member was left without work"
                    assert not _partitions(first)() & _partitions(second)()
                await stream.more(100)
                async with _loyalty(database_url, log_url) as third:
                    await eventually(_partitions(third), within=30.0)
                    await stream.more(100)
        finally:
            stream.stopping = True
            await streaming
        async with _loyalty(database_url, log_url) as last:
            await _check(last, log, stream.stories)


async def _check(app: FastAPI, log: EventLog, stories: list[OrderStory]) -> None:
    token = MINTER.token(Principal("demo", "test", "key", frozenset({"admin"})))
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://loyalty", headers=headers) as http:
        shop = Shop(http)
        await shop.caught_up(60.0)
        members = {member["customer_id"]: member for member in await shop.every("/v1/loyalty/members")}
    assert members.keys() == {story.customer for story in stories}
    assert {member["balance"] for member in members.values()} == {POINTS_PAID}
    told = Counter(json.loads(record.value)["subject"] for record in await read_all(log, "comeback.loyalty.v1"))
    assert told.keys() == members.keys()
    ids = {json.loads(record.value)["id"] for record in await read_all(log, "comeback.loyalty.v1")}
    assert len(ids) == len(members), "an order's points were told under two ids"
