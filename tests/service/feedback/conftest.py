from collections.abc import AsyncIterator

import pytest

from tests.service.feedback.world import World
from tests.service.feedback.world import world as run
from tests.support.postgres import TestServer


@pytest.fixture
async def world(postgres: TestServer) -> AsyncIterator[World]:
    """The service with the demo shop, at noon of 2026-03-10."""
    async with run(postgres) as running:
        yield running
