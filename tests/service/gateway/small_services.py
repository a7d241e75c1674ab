"""Real, small services behind the gateway: FastAPI apps with the kit's edge, which verify the internal token."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from comeback_kit import errors, problems
from comeback_kit.auth import Verifier
from comeback_kit.http import principal_of, requires
from comeback_kit.middleware import Edge
from gateway.settings import SERVICES
from tests.support.apps import KEYS


@dataclass
class Behaviour:
    """How a small service behaves; tests change it while it runs."""

    orders: dict[str, str] = field(default_factory=dict)
    part: dict[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    broken: bool = False
    lags: list[dict[str, int]] = field(default_factory=list)
    asked: int = 0
    cancelled: int = 0


def small_service(name: str, behaviour: Behaviour | None = None) -> FastAPI:
    """One service. ``/v1/<name>/echo/…`` answers what it was asked; ``orders`` maps an order to its customer."""
    is_as = behaviour or Behaviour()
    app = FastAPI(title=name, redoc_url=None)
    app.state.behaviour = is_as
    problems.install(app)
    _add_echo(app, name, is_as)
    _add_pages(app)

    opens = [requires("post-purchase:read", or_customer=True)]

    @app.get(f"/v1/{name}/orders/{{order_id}}/post-purchase", dependencies=opens)
    async def part(order_id: str, request: Request) -> Any:
        is_as.asked += 1
        try:
            await asyncio.sleep(is_as.delay)
        except asyncio.CancelledError:
            is_as.cancelled += 1
            raise
        if is_as.broken:
            raise RuntimeError("this service is broken")
        caller = principal_of(request)
        owner = is_as.orders.get(order_id)
        if owner is None or (caller.kind == "customer" and caller.subject != owner):
            return problems.response(errors.NotFound(), problems.request_id_of(request))
        return is_as.part

    @app.get("/readyz")
    async def readyz(request: Request, caught_up: bool = False) -> Any:
        is_as.asked += 1
        lags = is_as.lags.pop(0) if is_as.lags and caught_up else {}
        if lags:
            away = errors.Unavailable(extra={"lags": lags})
            return problems.response(away, problems.request_id_of(request))
        return {"status": "ok"}

    verifier = Verifier(KEYS.public)
    app.add_middleware(Edge, service=name, verifier=lambda: verifier)
    return app


def _add_echo(app: FastAPI, name: str, is_as: Behaviour) -> None:
    every = ["GET", "POST", "PUT", "DELETE"]

    @app.api_route(f"/v1/{name}/echo/{{rest:path}}", methods=every, include_in_schema=False)
    @app.api_route(f"/v1/{name}/me/{{rest:path}}", methods=every, include_in_schema=False)
    @app.get(f"/v1/{name}/me")
    async def echo(request: Request, rest: str = "") -> Any:
        is_as.asked += 1
        caller = principal_of(request)
        body = await request.body()
        return {
            "service": name,
            "method": request.method,
            "path": request.scope["raw_path"].decode() if "raw_path" in request.scope else request.url.path,
            "query": request.url.query,
            "headers": [[key.decode(), value.decode("latin-1")] for key, value in request.scope["headers"]],
            "body_size": len(body),
            "body": body[:200].decode("latin-1"),
            "caller": [caller.shop_id, caller.subject, caller.kind, sorted(caller.scopes)],
        }

    @app.get(f"/v1/{name}/slow")
    async def slow(request: Request, seconds: float = 1.0) -> dict[str, bool]:
        principal_of(request)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            is_as.cancelled += 1
            raise
        return {"done": True}

    @app.get(f"/v1/{name}/stream")
    async def stream(parts: int = 5, size: int = 10, break_after: int | None = None) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(parts):
                if number == break_after:
                    raise RuntimeError("broke off")
                yield str(number % 10).encode() * size
                await asyncio.sleep(0)

        hop = {"X-Own": "yes", "Connection": "X-Hop", "X-Hop": "1"}
        return StreamingResponse(pieces(), media_type="text/plain", headers=hop)

    @app.get(f"/v1/{name}/broken")
    async def broken() -> None:
        raise RuntimeError("broken")


def _add_pages(app: FastAPI) -> None:
    @app.api_route("/f/{token}", methods=["GET", "POST"], include_in_schema=False)
    @app.api_route("/p/{token}", methods=["GET", "POST"], include_in_schema=False)
    @app.get("/mailbox", include_in_schema=False)
    async def page(request: Request, token: str = "") -> dict[str, Any]:
        caller = request.scope["state"]["principal"]
        return {
            "page": request.url.path,
            "authorization": request.headers.get("authorization"),
            "caller": None if caller is None else [caller.shop_id, caller.kind],
            "body": (await request.body()).decode(),
        }


def small_services() -> dict[str, FastAPI]:
    """All four."""
    return {name: small_service(name) for name in SERVICES}
