"""``/livez``, ``/readyz`` and ``/metrics`` of the gateway. ``caught_up`` asks every service."""

import asyncio
import logging
from typing import Annotated, Any, Final

import asyncpg
import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from comeback_kit import health, telemetry
from comeback_kit.errors import DomainError
from comeback_kit.health import NotCaughtUp
from comeback_kit.runtime import Runtime
from gateway import publishing
from gateway.parts import Parts, parts_of
from gateway.upstream import Missing, Upstream, fetch

log = logging.getLogger(__name__)

ROUNDS: Final = 3
"""An order's points are told to notifications; an answer is told to loyalty, its points to notifications. Each round
is one hop of such a chain: after the third, nothing that was accepted before the call is still on its way."""
_PATIENCE: Final = 5.0

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Response:
    return _ok()


@router.get("/readyz")
async def readyz(request: Request, caught_up: Annotated[bool, Query()] = False) -> Response:
    own: health.Health = request.app.state.health
    await own.ready()
    if caught_up:
        await _caught_up(own.runtime, parts_of(request))
    return _ok()


@router.get("/metrics")
async def metrics() -> Response:
    return telemetry.metrics_response()


async def _caught_up(runtime: Runtime, parts: Parts) -> None:
    """Raise ``NotCaughtUp`` with the lags of every service that has any."""
    asked = {name: upstream for name, upstream in parts.upstreams.items() if not isinstance(upstream, Missing)}
    for number in range(ROUNDS):
        answers = await asyncio.gather(*(_lags(upstream) for upstream in asked.values()))
        lags: dict[str, Any] = {name: one for name, one in zip(asked, answers, strict=True) if one}
        if number == 0 and (waiting := await _shops_waiting(runtime)):
            lags["gateway"] = {"shops": waiting}
        if lags:
            raise NotCaughtUp(f"behind: {', '.join(sorted(lags))}", extra={"lags": lags})


async def _lags(upstream: Upstream) -> Any:
    """A service's lags; empty when it has none."""
    try:
        async with asyncio.timeout(_PATIENCE):
            answer = await fetch(upstream, "/readyz", query="caught_up=true", headers=[])
    except (DomainError, TimeoutError, OSError) as error:
        return {"unavailable": repr(error)}
    except Exception as error:
        log.exception("a service cannot tell whether it has caught up")
        return {"unavailable": repr(error)}
    if answer.status == 200:
        return {}
    try:
        body = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        body = {}
    return body.get("lags") or {"unavailable": body.get("detail") or f"answered {answer.status}"}


async def _shops_waiting(runtime: Runtime) -> int:
    try:
        async with runtime.db.work() as tx:
            return await publishing.waiting(tx)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise NotCaughtUp(f"cannot tell: {error}") from error


def _ok() -> Response:
    return Response(msgspec.json.encode({"status": "ok"}), media_type="application/json")
