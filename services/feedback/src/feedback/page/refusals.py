"""Failures behind a link: a friendly page for people, problem+json for programs, the same status for both."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from comeback_kit import problems
from comeback_kit.errors import DomainError, Unavailable
from comeback_kit.languages import accepted
from feedback.page.language import language_for
from feedback.page.rendering import HEADERS
from feedback.page.views import note_page

_PASSING: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
_TRIES: Final = 3
_OWN_PAGES: Final = frozenset({"link_invalid", "link_expired", "link_gone", "survey_closed"})


class DatabaseAway(Unavailable):
    code = "database_unavailable"
    title = "The database does not answer right now"


class PageRoute(APIRoute):
    """A route of hosted pages: without credentials, its failures shown to whoever asks in the form that they read."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # the narrower type is what FastAPI calls
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await _tried(request, handle)
            except DomainError as error:
                return refuse(request, error)

        return shown


async def _tried(request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
    for attempt in range(_TRIES):
        try:
            return await handle(request)
        except _PASSING as error:
            if attempt == _TRIES - 1:
                raise DatabaseAway from error
            await asyncio.sleep(0.01 * (attempt + 1))
        except _AWAY as error:
            raise DatabaseAway from error
    raise AssertionError("unreachable")


def reads_html(request: Request) -> bool:
    """Whether a person's browser asks."""
    return "text/html" in request.headers.get("accept", "")


def reads_json(request: Request) -> bool:
    """Whether a program asks that says so, by what it accepts or by what it sends."""
    if reads_html(request):
        return False
    return "json" in request.headers.get("accept", "") or "json" in request.headers.get("content-type", "")


def refuse(request: Request, error: DomainError) -> Response:
    """The answer of a failure."""
    if not reads_html(request):
        response = problems.response(error, problems.request_id_of(request))
        response.headers.update({name: HEADERS[name] for name in ("Cache-Control", "Referrer-Policy")})
        return response
    kind = error.code if error.code in _OWN_PAGES else ("trouble" if error.status >= 500 else "unreadable")
    language = language_for([request.query_params.get("lang"), *accepted(request.headers.get("accept-language"))])
    return note_page(kind, language, status=error.status, headers=error.headers)
