"""The tiny service on a real PostgreSQL, for tests of how the kit serves."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.support.apps import ServiceUnderTest, service_app
from tests.support.postgres import TestServer
from tests.support.tiny.app import Settings, create_app


@contextlib.asynccontextmanager
async def tiny_service(postgres: TestServer, **wiring: Any) -> AsyncIterator[ServiceUnderTest]:
    """The service with a database of its own; ``wiring`` is what ``service_app`` takes."""

    def create(settings: Settings, **given: object) -> object:
        return create_app(settings, **given)  # type: ignore[arg-type]  # log and clock, as every create_app takes them

    await postgres.drop(await postgres.fresh("tiny", "tests.support.tiny"))
    async with service_app(create, Settings, postgres, service="tiny", **wiring) as service:  # type: ignore[arg-type]
        yield service
