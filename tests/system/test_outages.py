"""Broker and database go away under load and come back: refused while away, nothing half done, nothing lost."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.comeback import ComebackProcess, new_comeback, with_kafka
from tests.support.kafka import KafkaBroker, running_broker
from tests.support.load import Load, check_effects, under_load
from tests.support.shop import shop_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.faults


@pytest.fixture
def broker() -> Iterator[KafkaBroker]:
    """A broker of the test's own, to break."""
    with running_broker() as own:
        yield own


@pytest.fixture
def table_comeback() -> Iterator[ComebackProcess]:
    with new_comeback() as process:
        yield process


async def _more_accepted(load: Load, count: int, within: float = 45.0) -> None:
    before = len(load.accepted)
    await eventually(lambda: len(load.accepted) >= before + count, within=within)


def _check_refusals(load: Load, code: str | None = None) -> None:
    assert load.refusals, "nothing was refused while it was away"
    for answer in load.refusals:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["retryable"] is True
        assert code is None or answer.json()["code"] == code, answer.text


@pytest.mark.kafka
@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_the_broker_goes_away_under_load_and_comes_back(broker: KafkaBroker, new_id: str, way: str) -> None:
    with new_comeback(with_kafka(broker.url)) as comeback:
        await asyncio.to_thread(comeback.start)
        async with shop_of(comeback.base_url) as shop:
            async with under_load(shop, new_id) as load:
                await _more_accepted(load, 50)
                await asyncio.to_thread(getattr(broker, way))
                await eventually(lambda: len(load.refusals) >= 8, within=30.0)
                assert (await shop.http.get("/readyz")).status_code == 200, "readiness must not depend on the broker"
                assert (await shop.http.get("/v1/loyalty/program")).status_code == 200, "reads go on"
                await asyncio.to_thread(broker.start)
                await _more_accepted(load, 50)
            _check_refusals(load, "log_unavailable")
            await shop.caught_up(60.0)
            await check_effects(shop, load)


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["kill", "freeze"])
async def test_sigterm_with_the_broker_away_ends_in_time_and_loses_nothing(
    broker: KafkaBroker, new_id: str, way: str
) -> None:
    with new_comeback(with_kafka(broker.url)) as comeback:
        await asyncio.to_thread(comeback.start)
        async with shop_of(comeback.base_url) as shop, under_load(shop, new_id) as load:
            await _more_accepted(load, 50)
            await asyncio.to_thread(getattr(broker, way))
            await asyncio.sleep(0.5)
            started = time.monotonic()
            assert await asyncio.to_thread(comeback.terminate, 15.0) == 0, comeback.errors[-4000:]
            assert time.monotonic() - started < 15.0
        await asyncio.to_thread(broker.thaw if way == "freeze" else broker.start)
        await asyncio.to_thread(comeback.start)
        async with shop_of(comeback.base_url) as shop:
            await shop.caught_up(60.0)
            await check_effects(shop, load)


@pytest.mark.timeout(180)
async def test_postgresql_dies_under_load_and_comes_back(table_comeback: ComebackProcess, new_id: str) -> None:
    await asyncio.to_thread(table_comeback.start)
    await _break_the_database(table_comeback, new_id)


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_postgresql_dies_under_load_with_the_log_on_a_broker(broker: KafkaBroker, new_id: str) -> None:
    with new_comeback(with_kafka(broker.url)) as comeback:
        await asyncio.to_thread(comeback.start)
        await _break_the_database(comeback, new_id)


async def _break_the_database(comeback: ComebackProcess, prefix: str) -> None:
    server = comeback.postgres
    async with shop_of(comeback.base_url) as shop:
        async with under_load(shop, prefix) as load:
            for way in (server.kill, server.stop):
                await _more_accepted(load, 50)
                await asyncio.to_thread(way)
                away = time.monotonic()
                reading = await shop.http.get("/v1/loyalty/members")
                assert reading.status_code in (200, 503), reading.text
                await asyncio.sleep(max(0.0, 1.5 - (time.monotonic() - away)))
                assert (await shop.http.get("/livez")).status_code == 200
                await asyncio.to_thread(server.start)
            await _more_accepted(load, 50)
        for answer in load.refusals:
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        await shop.caught_up(60.0)
        await check_effects(shop, load)
