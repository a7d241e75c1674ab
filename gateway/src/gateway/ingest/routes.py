"""``POST /v1/events``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from comeback_kit import problems
from comeback_kit.errors import DomainError, FieldError
from comeback_kit.http import principal_of, requires
from gateway.entries import Origin
from gateway.errors import EventsRejected, ServiceAway
from gateway.ingest.describing import REQUEST_BODY, Results
from gateway.ingest.judging import Accepted, Rejected, Verdict, judge
from gateway.ingest.reading import Posted, read
from gateway.metrics import EVENTS
from gateway.parts import parts_of

_SOURCE: Final = "api"
_SHOP: Final = "shop.upserted"
_MOST_ERRORS: Final = 200
_TURN: Final = 50

router = APIRouter(tags=["Events"])


@router.post(
    "/v1/events",
    status_code=202,
    summary="Post one event or a batch",
    description="Every event is judged alone; what is accepted is durable when the answer comes. Sending an event "
    "again is always safe: its id says that it is the same.",
    response_model=Results,
    dependencies=[requires("events:write")],
    openapi_extra=REQUEST_BODY,
)
async def post_events(request: Request) -> Response:
    parts = parts_of(request)
    principal = principal_of(request)
    posted = read(await request.body())
    shop = await parts.directory.shop(principal.shop_id)
    if shop is None:
        raise ServiceAway("the shop of this key cannot be read right now")
    state = request.scope["state"]
    origin = Origin(principal.shop_id, _SOURCE, shop.guest_secret, principal.subject, state.get("traceparent"))
    now = parts.clock()
    verdicts = await _judge(posted, origin, now)
    accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
    if not accepted:
        _count(verdicts)
        raise _all_rejected(verdicts, posted, state.get("request_id"))
    entries = [entry for verdict in accepted for entry in verdict.entries]
    changes = [verdict.event for verdict in accepted if verdict.event.type == _SHOP]
    if changes:
        await parts.intake.append_with_shops(entries, changes)
    else:
        await parts.intake.append(entries)
    _count(verdicts)
    results = [_result(verdict, state.get("request_id")) for verdict in verdicts]
    return Response(msgspec.json.encode({"results": results}), status_code=202, media_type="application/json")


async def _judge(posted: Posted, origin: Origin, now: datetime) -> list[Verdict]:
    verdicts = []
    for index, event in enumerate(posted.events):
        if index and index % _TURN == 0:
            await asyncio.sleep(0)  # a full batch takes tens of milliseconds: let others have their turn
        verdicts.append(judge(event, posted.pointer(index), origin, now))
    return verdicts


def _result(verdict: Verdict, request_id: str | None) -> dict[str, Any]:
    if isinstance(verdict, Accepted):
        return {"id": verdict.event.id, "status": "accepted"}
    return {
        "id": verdict.event_id,
        "status": "rejected",
        "problem": problems.problem(verdict.error, request_id),
    }


def _all_rejected(verdicts: Sequence[Verdict], posted: Posted, request_id: str | None) -> DomainError:
    """One failure for the request: the event's own when there was one, else 422 with all pointers."""
    rejected = [verdict for verdict in verdicts if isinstance(verdict, Rejected)]
    kinds = {type(verdict.error) for verdict in rejected}
    if posted.single:
        return rejected[0].error
    fields: list[FieldError] = [field for verdict in rejected for field in verdict.error.errors][:_MOST_ERRORS]
    kind = kinds.pop() if len(kinds) == 1 else EventsRejected
    kind = kind if kind.status == 422 else EventsRejected
    results = [_result(verdict, request_id) for verdict in rejected]
    return kind("none of the events was accepted", errors=fields, extra={"results": results})


def _count(verdicts: Sequence[Verdict]) -> None:
    counts: dict[tuple[str, str], int] = {}
    for verdict in verdicts:
        name = (verdict.event.type, "accepted") if isinstance(verdict, Accepted) else ("any", "rejected")
        counts[name] = counts.get(name, 0) + 1
    for (kind, outcome), count in counts.items():
        EVENTS.labels(kind, outcome).inc(count)
