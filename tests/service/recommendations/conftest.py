"""A running recommendations service with a fixed clock, fed through its own handler table."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from recommendations.app import create_app
from recommendations.settings import Settings
from tests.service.recommendations.feeding import Shop
from tests.support.apps import Clock, service_app
from tests.support.postgres import TestServer

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def clock() -> Clock:
    return Clock(T0 + timedelta(seconds=1))


@pytest.fixture
async def shop(postgres: TestServer, clock: Clock) -> AsyncIterator[Shop]:
    async with service_app(
        create_app, Settings, postgres, service="recommendations", clock=clock, roles="api", follow_seconds=0.02
    ) as service:
        yield Shop(service, T0)
