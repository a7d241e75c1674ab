"""What a running loyalty process keeps beside the kit's runtime."""

import asyncio
from typing import Annotated

from fastapi import Depends

from comeback_kit.http import Door, Now, RuntimeDep
from comeback_kit.runtime import Runtime
from loyalty.express import Express
from loyalty.program_store import ShopCache
from loyalty.recent_holds import RecentHolds
from loyalty.settings import Settings

_CACHE = "loyalty.shops"
_HOLDS = "loyalty.holds"
_READING = "loyalty.reading"


def cache_of(runtime: Runtime) -> ShopCache:
    """The compiled programs of this process."""
    cache = runtime.state.setdefault(_CACHE, ShopCache())
    assert isinstance(cache, ShopCache)  # noqa: S101  # nobody else writes this key
    return cache


def holds_of(runtime: Runtime) -> RecentHolds:
    """The holds that this process has given out of late."""
    holds = runtime.state.setdefault(_HOLDS, RecentHolds())
    assert isinstance(holds, RecentHolds)  # noqa: S101  # nobody else writes this key
    return holds


def reading_of(runtime: Runtime) -> asyncio.Semaphore:
    """The turn to read a file: one at a time in a process, for its rows are many times as large in memory."""
    turn = runtime.state.setdefault(_READING, asyncio.Semaphore(1))
    assert isinstance(turn, asyncio.Semaphore)  # noqa: S101  # nobody else writes this key
    return turn


def settings_of(runtime: Runtime) -> Settings:
    """The settings of this service."""
    assert isinstance(runtime.settings, Settings)  # noqa: S101  # create_app gives no others
    return runtime.settings


async def _cache(runtime: RuntimeDep) -> ShopCache:
    return cache_of(runtime)


async def _express(runtime: RuntimeDep, door: Door, now: Now) -> Express:
    return Express(door, cache_of(runtime), holds_of(runtime), now)


async def _settings(runtime: RuntimeDep) -> Settings:
    return settings_of(runtime)


Cache = Annotated[ShopCache, Depends(_cache)]
ExpressTill = Annotated[Express, Depends(_express)]
LoyaltySettings = Annotated[Settings, Depends(_settings)]
