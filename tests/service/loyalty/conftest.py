"""One service with one shop per test."""

from collections.abc import AsyncIterator

import pytest

from tests.service.loyalty.world import World, world
from tests.support.postgres import TestServer, postgres

__all__ = ["postgres"]


@pytest.fixture
async def shop(postgres: TestServer) -> AsyncIterator[World]:  # noqa: F811  # the fixture by its name
    """The service, its clock at 2026-03-10 12:00 UTC, with the shop ``demo``."""
    async with world(postgres) as made:
        yield made
        await made.check()
