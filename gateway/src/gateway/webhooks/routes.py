"""``POST /v1/webhooks/{platform}/{shop_id}``."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from comeback_contracts.instants import canonical, format_instant, parse_instant
from comeback_contracts.problems import InvalidData
from comeback_contracts.validation import validate
from comeback_kit.errors import BadRequest, NotFound, Unavailable
from comeback_kit.http import Id
from comeback_kit.log.port import Entry
from gateway.directory import Shop
from gateway.entries import Checked, Origin, entries_of
from gateway.errors import SignatureInvalid, WebhookUnmappable
from gateway.metrics import WEBHOOKS
from gateway.parts import Parts, parts_of
from gateway.webhooks.mapped import Mapped, Unmappable
from gateway.webhooks.shopify import signature
from gateway.webhooks.shopify.topics import IGNORED, KNOWN, Delivery, map_delivery

log = logging.getLogger(__name__)

PLATFORM: Final = "shopify"
_DOMAIN: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_EVENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")
_OWN_DOMAIN: Final = ".myshopify.com"

router = APIRouter(tags=["Webhooks"])


class Received(BaseModel):
    """What became of a webhook."""

    status: Literal["accepted", "ignored"]
    event_ids: list[str] = Field(default_factory=list, description="The ids of the events that it became.")
    note: str | None = None


@router.post(
    "/v1/webhooks/{platform}/{shop_id}",
    summary="A storefront's own webhook",
    description="`platform` is `shopify`: the signature (`X-Shopify-Hmac-Sha256`) is checked over the raw bytes with "
    "the shop's active secrets. Orders, refunds, customers, consents and redactions become events; other topics are "
    "ignored. 200 means that the event log has it; anything else: send it again.",
    response_model=Received,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def receive(request: Request, platform: str, shop_id: Id) -> Response:
    if platform != PLATFORM:
        raise NotFound(f"there are no webhooks of {platform!r}; known is {PLATFORM}")
    parts = parts_of(request)
    raw = await request.body()
    topic = request.headers.get("x-shopify-topic", "").strip().lower()
    label = topic if topic in KNOWN else "other"
    try:
        shop = await _signed_by(parts, shop_id, raw, request.headers.get("x-shopify-hmac-sha256"))
        events = await _accept(request, parts, shop, topic, raw)
    except SignatureInvalid:
        WEBHOOKS.labels(PLATFORM, label, "bad_signature").inc()
        raise
    except (WebhookUnmappable, BadRequest) as error:
        WEBHOOKS.labels(PLATFORM, label, "unmappable").inc()
        log.warning("webhook refused", extra={"fields": {"shop": shop_id, "topic": label, "reason": error.detail}})
        raise
    except Unavailable:
        WEBHOOKS.labels(PLATFORM, label, "unavailable").inc()
        raise
    WEBHOOKS.labels(PLATFORM, label, "accepted" if events else "ignored").inc()
    return _answer(topic, events)


def _answer(topic: str, events: list[str]) -> Response:
    body: dict[str, Any] = {"status": "accepted" if events else "ignored", "event_ids": events}
    if not events:
        silent = "it says nothing yet" if topic in KNOWN else "this topic means nothing to Comeback"
        body["note"] = IGNORED.get(topic, silent)
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _signed_by(parts: Parts, shop_id: str, raw: bytes, given: str | None) -> Shop:
    # An unknown shop answers as a bad signature does: who cannot sign learns nothing about shops.
    shop = await parts.directory.shop(shop_id)
    secrets = () if shop is None else shop.webhook_secrets.get(PLATFORM, ())
    if not signature.is_signed(raw, given, secrets) or shop is None:
        raise SignatureInvalid
    return shop


async def _accept(request: Request, parts: Parts, shop: Shop, topic: str, raw: bytes) -> list[str]:
    """The ids of the events that the log has now; none for a topic that is ignored."""
    if topic in IGNORED or topic not in KNOWN:
        return []
    headers = request.headers
    now = format_instant(parts.clock())
    triggered = _instant(headers.get("x-shopify-triggered-at")) or now
    delivery = Delivery(topic, _parse(raw), triggered, shop.profile.currency, shop.guest_secret)
    origin = Origin(
        shop.profile.shop_id,
        source_of(headers.get("x-shopify-shop-domain")),
        shop.guest_secret,
        traceparent=request.scope["state"].get("traceparent"),
    )
    event_id = f"{topic}:{delivery_id(headers, raw)}"
    entries: list[Entry] = []
    ids: list[str] = []
    for mapped in _map(delivery):
        event = _checked(mapped, event_id)
        ids.append(event.id)
        entries += entries_of(event, origin)
    if entries:
        await parts.intake.append(entries)
    return ids


def _map(delivery: Delivery) -> list[Mapped]:
    try:
        return map_delivery(delivery)
    except Unmappable as error:
        raise WebhookUnmappable(str(error)) from error


def _checked(mapped: Mapped, event_id: str) -> Checked:
    identifier = event_id if mapped.what is None else f"{event_id}:{mapped.what}"
    try:
        data = validate(mapped.type, mapped.data, time=parse_instant(mapped.time))
    except InvalidData as error:
        raise WebhookUnmappable(str(error)) from error
    return Checked(identifier, mapped.type, mapped.time, data)


def _parse(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not valid JSON") from error
    if not isinstance(body, dict):
        raise WebhookUnmappable("the body is no JSON object")
    return body


def delivery_id(headers: Mapping[str, str], raw: bytes) -> str:
    """Shopify's id of the event, the same over re-deliveries; without one a hash of the body."""
    given = headers.get("x-shopify-event-id", "").strip()
    return given if _EVENT_ID.fullmatch(given) else hashlib.sha256(raw).hexdigest()[:32]


def source_of(domain: str | None) -> str:
    """``shopify/my-shop`` for ``my-shop.myshopify.com``."""
    name = (domain or "").strip().lower().removesuffix(_OWN_DOMAIN)
    return f"{PLATFORM}/{name}" if _DOMAIN.fullmatch(name) else PLATFORM


def _instant(text: str | None) -> str | None:
    try:
        return canonical(text or "")
    except ValueError:
        return None
