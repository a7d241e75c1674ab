"""A service in this very process, called as the ASGI app it is: no copy, no socket, streaming as it comes."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import ServiceAway
from gateway.upstream import Bulkhead


class AppUpstream:
    """Whoever made the app runs its lifespan."""

    def __init__(self, app: ASGIApp, *, limit: int = 256, timeout: float = 30.0) -> None:
        self._app = app
        self._timeout = timeout
        self._bulkhead = Bulkhead(limit)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._bulkhead:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._app(scope, receive, send)
            except TimeoutError as error:
                raise ServiceAway from error
