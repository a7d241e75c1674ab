"""The shortest way from a request to its endpoint: a table by method and number of segments.

FastAPI asks router after router and route after route, twice for included ones. What is not found here (another method,
a page with a route class of its own, health, the documents) goes on to FastAPI, whose OpenAPI has all routes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from comeback_kit import endpoints, problems
from comeback_kit.endpoints import Handler


class _Entry:
    """A path: texts that must be at their places, names for the other places."""

    __slots__ = ("endpoint", "handler", "names", "route", "texts")

    def __init__(self, route: APIRoute, handler: Handler | None) -> None:
        parts = list(enumerate(route.path.split("/")))
        self.texts = tuple((place, part) for place, part in parts if not part.startswith("{"))
        self.names = tuple((place, part[1:-1]) for place, part in parts if part.startswith("{"))
        self.route = route
        self.endpoint = route.endpoint
        self.handler = handler

    def params(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The path's parameters, None when this is another path."""
        for place, text in self.texts:
            if parts[place] != text:
                return None
        found = {name: parts[place] for place, name in self.names}
        return found if all(found.values()) else None


class Directory:
    """Middleware that calls the endpoints of ``routers``, in FastAPI's order, and passes everything else on."""

    def __init__(self, app: ASGIApp, *, owner: FastAPI, routers: Iterable[APIRouter]) -> None:
        self._app = app
        self._owner = owner
        self._entries: dict[tuple[str, int], list[_Entry]] = {}
        for router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute):
                    self._add(route)

    def _add(self, route: APIRoute) -> None:
        handler: Handler | None = getattr(route, "answer", None)
        if handler is None and type(route).get_route_handler is APIRoute.get_route_handler:
            handler = endpoints.compiled(route)  # a class with a handler of its own wraps it: pages, transactions
        entry = _Entry(route, handler)
        if any(":" in name or "{" in name for _, name in entry.names):
            return  # a parameter with slashes, or one of several in a segment
        for method in route.methods or ():
            self._entries.setdefault((method, len(entry.texts) + len(entry.names)), []).append(entry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            parts = scope["path"].split("/")
            for entry in self._entries.get((scope["method"], len(parts)), ()):
                params = entry.params(parts)
                if params is not None:
                    if entry.handler is None:
                        break
                    scope.update(app=self._owner, route=entry.route, endpoint=entry.endpoint, path_params=params)
                    await _call(entry.handler, Request(scope, receive, send))
                    return
            else:
                if allowed := self._allowed(parts):
                    await _refuse(Request(scope, receive, send), allowed)
                    return
        await self._app(scope, receive, send)

    def _allowed(self, parts: Sequence[str]) -> list[str]:
        """The methods of a path; FastAPI names those of the first route alone."""
        return sorted(
            {
                method
                for (method, length), entries in self._entries.items()
                if length == len(parts) and any(entry.params(parts) is not None for entry in entries)
            }
        )


async def _refuse(request: Request, allowed: Iterable[str]) -> None:
    error = HTTPException(405, headers={"Allow": ", ".join(allowed)})
    await problems.answer(request, error)(request.scope, request.receive, request._send)  # noqa: SLF001


async def _call(handler: Handler, request: Any) -> None:
    try:
        response = await handler(request)
    except (RequestValidationError, HTTPException) as error:
        response = problems.answer(request, error)
    await response(request.scope, request.receive, request._send)  # noqa: SLF001  # Starlette's own way to send
