"""The process ends under load, with and without warning, and goes on where it stopped."""

import asyncio
import time

import pytest

from tests.support.comeback import ComebackProcess
from tests.support.load import check_effects, under_load
from tests.support.shop import shop_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.faults

_STOP_SECONDS = 15.0


@pytest.mark.timeout(180)
async def test_killed_under_load_it_goes_on_and_every_effect_comes_once(
    own_comeback: ComebackProcess, new_id: str
) -> None:
    await asyncio.to_thread(own_comeback.start)
    async with shop_of(own_comeback.base_url) as shop, under_load(shop, new_id) as load:
        for _ in range(2):
            before = len(load.accepted)
            await eventually(lambda before=before: len(load.accepted) >= before + 60, within=30.0)  # type: ignore[misc]  # mypy reads the default as an argument
            await asyncio.to_thread(own_comeback.kill)
            await asyncio.to_thread(own_comeback.start)
    async with shop_of(own_comeback.base_url) as shop:
        await shop.caught_up(60.0)
        await check_effects(shop, load)
    mails = list((own_comeback.data_dir / "mails").glob("*.eml"))
    assert len(mails) >= 2 * len(load.accepted)


@pytest.mark.timeout(120)
async def test_sigterm_under_load_ends_in_time_and_loses_nothing(own_comeback: ComebackProcess, new_id: str) -> None:
    await asyncio.to_thread(own_comeback.start)
    async with shop_of(own_comeback.base_url) as shop, under_load(shop, new_id) as load:
        await eventually(lambda: len(load.accepted) >= 100, within=30.0)
        started = time.monotonic()
        code = await asyncio.to_thread(own_comeback.terminate, _STOP_SECONDS)
        assert code == 0, own_comeback.errors[-4000:]
        assert time.monotonic() - started < _STOP_SECONDS
        assert not (own_comeback.data_dir / "comeback.pid").exists()
        assert own_comeback.postgres.pid() is None, "PostgreSQL was left behind"
    await asyncio.to_thread(own_comeback.start)
    async with shop_of(own_comeback.base_url) as shop:
        await shop.caught_up(60.0)
        await check_effects(shop, load)
