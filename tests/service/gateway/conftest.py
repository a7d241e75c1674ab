"""A running gateway, shared by the tests of a module: they tell their events apart by ids of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.service.gateway.running import Running, running_gateway
from tests.support.postgres import TestServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[Running]:
    """With four small services in this process, and the first shop."""
    async with running_gateway(postgres) as running:
        yield running
