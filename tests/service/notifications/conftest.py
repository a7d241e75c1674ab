from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.notifications.world import World
from tests.service.notifications.world import world as run
from tests.support.postgres import TestServer


@pytest.fixture
async def world(postgres: TestServer, tmp_path: Path) -> AsyncIterator[World]:
    """The service with the mail folder."""
    async with run(postgres, tmp_path / "mails") as running:
        yield running
