"""``/openapi.json``: one document of all that is behind this door; ``/docs``: the same as a page without a script."""

import asyncio
import logging
import time
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from comeback_kit.errors import DomainError
from gateway import docs_page
from gateway.merging import merged
from gateway.parts import Parts, parts_of
from gateway.upstream import Missing, Upstream, fetch

log = logging.getLogger(__name__)

_FRESH_SECONDS = 60.0
_INCOMPLETE_SECONDS = 2.0
_PATIENCE = 5.0
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return Response(msgspec.json.encode(await _document(request)), media_type="application/json")


@router.get("/docs")
async def docs(request: Request) -> Response:
    page = docs_page.render(await _document(request))
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})


async def _document(request: Request) -> dict[str, Any]:
    """The merged document, kept for a minute; a service that does not answer is left out and named in the text."""
    kept: tuple[dict[str, Any], float] | None = getattr(request.app.state, "document", None)
    if kept is not None and kept[1] > time.monotonic():
        return kept[0]
    found, absent = await _services(parts_of(request))
    document = merged(request.app.openapi(), found, absent)
    request.app.state.document = (document, time.monotonic() + (_INCOMPLETE_SECONDS if absent else _FRESH_SECONDS))
    return document


async def _services(parts: Parts) -> tuple[dict[str, dict[str, Any]], list[str]]:
    asked = {name: upstream for name, upstream in parts.upstreams.items() if not isinstance(upstream, Missing)}
    answers = await asyncio.gather(*(_ask(name, upstream) for name, upstream in asked.items()))
    found = {name: answer for name, answer in zip(asked, answers, strict=True) if answer is not None}
    return found, [name for name in asked if name not in found]


async def _ask(name: str, upstream: Upstream) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            answer = await fetch(upstream, "/openapi.json", headers=[])
        return msgspec.json.decode(answer.body, type=dict[str, Any]) if answer.status == 200 else None
    except (DomainError, TimeoutError, OSError, msgspec.DecodeError) as error:
        log.warning("a service's document is left out", extra={"fields": {"service": name, "error": repr(error)}})
        return None
