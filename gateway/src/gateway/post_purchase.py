"""``GET /v1/post-purchase/{order_id}``: four services asked at once under one deadline, each with its own status."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from comeback_kit.auth import Principal
from comeback_kit.errors import DomainError
from comeback_kit.http import Id, principal_of, requires
from gateway.errors import OrderUnknown
from gateway.metrics import PARTS
from gateway.parts import Parts, parts_of
from gateway.settings import SERVICES
from gateway.upstream import Upstream, fetch

log = logging.getLogger(__name__)

SCOPE: Final = "post-purchase:read"
_FALLBACKS: Final[dict[str, dict[str, Any]]] = {"recommendations": {"fallback": "trending", "items": []}}
Status = Literal["ok", "pending", "timeout", "unavailable"]

router = APIRouter(tags=["Post-purchase"])


class Part(BaseModel):
    """One service's part; the other fields are that service's own, and there only while the status is ``ok``."""

    model_config = ConfigDict(extra="allow")
    status: Status


class PostPurchase(BaseModel):
    """Everything a thank-you page needs. ``complete``: every part is ``ok``."""

    order_id: str
    complete: bool
    loyalty: Part
    feedback: Part
    recommendations: Part
    notifications: Part


@router.get(
    "/v1/post-purchase/{order_id}",
    summary="Everything a thank-you page needs, in one call",
    description="Every part has its own status: `ok`, `pending` (the order has not reached that service yet), "
    "`timeout` (not within the deadline), `unavailable`. 404 `order_unknown` with `Retry-After` while no service that "
    "answered knows the order. A customer's token sees the customer's own orders.",
    response_model=PostPurchase,
    dependencies=[requires(SCOPE, or_customer=True)],
)
async def post_purchase(
    request: Request,
    order_id: Id,
    deadline_ms: Annotated[int, Query(ge=50, le=5000, description="most milliseconds until the answer")] = 300,
) -> Response:
    asked = _Question(parts_of(request), principal_of(request), order_id, request.scope["state"])
    answers = await _ask(asked, deadline_ms / 1000)
    statuses = {name: str(part["status"]) for name, part in answers.items()}
    for name, status in statuses.items():
        PARTS.labels(name, status).inc()
    if "pending" in statuses.values() and "ok" not in statuses.values():
        raise OrderUnknown
    complete = set(statuses.values()) == {"ok"}
    body = {"order_id": order_id, "complete": complete, **{name: answers[name] for name in SERVICES}}
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _Question:
    parts: Parts
    principal: Principal
    order_id: str
    state: dict[str, Any]

    def headers_for(self, service: str) -> list[tuple[bytes, bytes]]:
        """The caller's identity for one service; a key that may read this call may read that service's part of it."""
        caller = self.principal
        if caller.kind == "key":
            scopes = frozenset({SCOPE, f"{service}:read"})
            caller = Principal(caller.shop_id, caller.subject, "key", scopes)
        return [
            (b"accept", b"application/json"),
            (b"authorization", b"Bearer " + self.parts.minter.token(caller).encode()),
            (b"x-request-id", str(self.state["request_id"]).encode()),
            (b"traceparent", str(self.state["traceparent"]).encode()),
        ]


async def _ask(question: _Question, seconds: float) -> dict[str, dict[str, Any]]:
    """The part of every service. Whoever is late is cancelled, and not waited for."""
    tasks = {
        name: asyncio.create_task(_part(question, name, question.parts.upstreams[name]), name=f"post-purchase-{name}")
        for name in SERVICES
    }
    try:
        done, _ = await asyncio.wait(tasks.values(), timeout=seconds)
    finally:
        for task in tasks.values():
            task.cancel()
    return {
        name: task.result() if task in done else {"status": "timeout", **_FALLBACKS.get(name, {})}
        for name, task in tasks.items()
    }


async def _part(question: _Question, service: str, upstream: Upstream) -> dict[str, Any]:
    path = f"/v1/{service}/orders/{question.order_id}/post-purchase"
    status: Status = "unavailable"
    try:
        answer = await fetch(upstream, path, headers=question.headers_for(service))
        if answer.status == 200:
            return {"status": "ok", **msgspec.json.decode(answer.body, type=dict[str, Any])}
        if answer.status == 404:
            status = "pending"
        else:
            log.warning("part not available", extra={"fields": {"service": service, "answer": answer.status}})
    except DomainError as error:
        log.warning("part not available", extra={"fields": {"service": service, "error": error.code}})
    except Exception:  # one broken service must not break the others
        log.exception("part not available", extra={"fields": {"service": service}})
    return {"status": status, **_FALLBACKS.get(service, {})}
