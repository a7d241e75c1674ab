"""What a shop does with a running Comeback, over HTTP: post events, wait, read what came of them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.support.comeback import CUSTOMER_SECRET, SHOP_KEY
from tests.support.order_events import Event
from tests.support.waiting import eventually

JSON = dict[str, Any]


def customer_token(customer_id: str, *, shop_id: str = "demo", secret: str = CUSTOMER_SECRET, age: int = 0) -> str:
    """A customer's own token as the shop's server signs it, ``age`` seconds old, good for 15 minutes."""
    issued = int(time.time()) - age
    claims = {"sub": customer_id, "aud": shop_id, "iat": issued, "exp": issued + 900}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


class Shop:
    """A shop's server, with its key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, *events: Event) -> httpx.Response:
        """The answer to one event, or to a batch."""
        body: Any = events[0] if len(events) == 1 else {"events": list(events)}
        return await self.http.post("/v1/events", json=body)

    async def accept(self, *events: Event) -> None:
        """Post events that must be taken."""
        answer = await self.post(*events)
        assert answer.status_code == 202, answer.text
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}, answer.text

    async def accept_all(self, events: Sequence[Event], *, batch: int = 500) -> None:
        """Post many, in batches, in this order."""
        for first in range(0, len(events), batch):
            await self.accept(*events[first : first + batch])

    async def caught_up(self, within: float = 30.0) -> None:
        """Wait until everything accepted so far has had all its effects."""

        async def probe() -> str:
            try:
                answer = await self.http.get("/readyz", params={"caught_up": "true"})
            except httpx.TransportError as error:
                raise AssertionError(repr(error)) from error
            assert answer.status_code == 200, answer.text
            return "caught up"

        await eventually(probe, within=within)

    async def read(self, path: str, **parameters: str | int) -> Any:
        """What a GET answers, which must be 200."""
        answer = await self.http.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def every(self, path: str, **parameters: str | int) -> list[JSON]:
        """All items of a list, page by page."""
        items: list[JSON] = []
        cursor: str | None = None
        while True:
            more = {"limit": 100, **parameters, **({"cursor": cursor} if cursor else {})}
            page = await self.read(path, **more)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def member(self, customer_id: str) -> JSON:
        found: JSON = await self.read(f"/v1/loyalty/members/{customer_id}")
        return found

    async def transactions(self, customer_id: str) -> list[JSON]:
        """Newest first."""
        return await self.every(f"/v1/loyalty/members/{customer_id}/transactions")

    async def messages(self, **parameters: str) -> list[JSON]:
        return await self.every("/v1/notifications/messages", **parameters)


@contextlib.asynccontextmanager
async def shop_of(base_url: str, token: str | None = SHOP_KEY) -> AsyncIterator[Shop]:
    """A client of a running Comeback; ``token``: a shop key, a customer token, or none."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=20.0, limits=limits) as http:
        yield Shop(http)


async def together(calls: Sequence[Any], *, width: int = 16) -> list[Any]:
    """Await many calls, at most ``width`` at a time; their answers in order."""
    room = asyncio.Semaphore(width)

    async def one(call: Any) -> Any:
        async with room:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))
