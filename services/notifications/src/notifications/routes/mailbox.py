"""The mailbox: every mail as a customer would see it, for who builds or runs the shop."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from comeback_kit.http import Id, RuntimeDep
from comeback_kit.paging import Cursor
from comeback_kit.runtime import Runtime
from notifications import queries
from notifications.errors import MessageUnknown
from notifications.mailbox_access import check_local, shop_of_caller
from notifications.page_views import page
from notifications.rendering import Shop
from notifications.service_state import state_of

router = APIRouter(prefix="/mailbox", tags=["Mailbox"])

ShopChoice = Annotated[str | None, Query(max_length=128, description="the shop, for callers without a key")]
_PAGE = 30
_HEADERS = ("Date", "Message-ID", "From", "To", "Subject")  # first, as in the mail itself
_REASONS = {
    "too_old": "it happened more than 48 hours before we heard of it",
    "no_contact": "no address came within seven days",
    "suppressed": "the address does not exist: an earlier mail came back",
    "unsubscribed": "the customer does not want this kind of mail",
    "erased": "the customer was erased",
    "refused": "the mail server refused it for good",
    "undeliverable": "the mail server refused it for too long",
    "invalid_address": "the mail server cannot write to this address",
    "not_renderable": "it could not be composed",
}


@router.get("", summary="The mailbox page")
async def mailbox(
    request: Request,
    runtime: RuntimeDep,
    show: Literal["mails", "unsent"] = "mails",
    shop: ShopChoice = None,
    cursor: Cursor = None,
) -> Response:
    """The mails of a shop, newest first; or the messages that no mail was made of, with the reason."""
    shop_id, shops = await _choose(request, runtime, shop)
    if shop_id is None:
        return page("mailbox.html", {**_frame(Shop("Mailbox"), shops, "", ""), "show": show, "rows": [], "next": ""})
    async with runtime.db.request(shop_id) as tx:
        about = await queries.shop_of(tx, shop_id)
        found = await queries.messages_page(tx, shop_id, mailed=show == "mails", limit=_PAGE, cursor=cursor)
    query = f"?shop={shop_id}" if shop else ""
    rows = [_row(item.model_dump(), about) for item in found.items]
    words = {**_frame(about, shops, shop_id, query), "show": show, "rows": rows, "next": found.next_cursor or ""}
    return page("mailbox.html", words)


@router.get("/{message_id}", summary="A mail as its reader sees it")
async def mail(
    message_id: Id,
    request: Request,
    runtime: RuntimeDep,
    view: Literal["html", "text", "headers"] = "html",
    width: Literal["wide", "phone"] = "wide",
    shop: ShopChoice = None,
) -> Response:
    """One mail: as HTML in a frame that can do nothing, as text, or its headers."""
    shop_id, shops = await _choose(request, runtime, shop)
    if shop_id is None:
        raise MessageUnknown
    async with runtime.db.request(shop_id) as tx:
        about = await queries.shop_of(tx, shop_id)
        found = await queries.message(tx, shop_id, message_id)
    if found is None:
        raise MessageUnknown
    mail = found.mail
    words: dict[str, Any] = {
        **_frame(about, shops, shop_id, f"&shop={shop_id}" if shop else ""),
        "message": _row(found.model_dump(exclude={"mail"}), about),
        "mail": mail.model_dump() if mail else None,
        "headers": sorted(mail.headers.items(), key=_as_written) if mail else [],
        "zone": about.time_zone,
        "view": view,
        "width": width,
    }
    return page("mail.html", words)


async def _choose(request: Request, runtime: Runtime, wanted: str | None) -> tuple[str | None, list[str]]:
    """The shop to show, and those to choose from (only for callers on this machine)."""
    own = shop_of_caller(request.scope.get("state", {}).get("principal"))
    if own is not None:
        return own, []
    settings = state_of(runtime).settings
    check_local(request, folder=settings.smtp_url is None, public_url=settings.public_url)
    async with runtime.db.work() as tx:
        rows = await tx.fetch("select shop_id from secrets union select shop_id from shops order by 1 limit 100")
    shops = [row["shop_id"] for row in rows]
    if wanted is not None:
        return (wanted if wanted in shops else None), shops
    return (shops[0] if shops else None), shops


def _frame(about: Shop, shops: list[str], shop_id: str, query: str) -> dict[str, Any]:
    return {"shop": about.name, "shops": shops, "shop_id": shop_id, "query": query}


def _row(message: dict[str, Any], about: Shop) -> dict[str, Any]:
    at: datetime = message["sent_at"] or message["created_at"]
    return {
        **message,
        "at": _local(at, about.time_zone),
        "label": message["workflow"].replace("_", " "),
        "why": _REASONS.get(message["reason"] or "", (message["reason"] or "").replace("_", " ")),
    }


def _as_written(header: tuple[str, str]) -> int:
    return _HEADERS.index(header[0]) if header[0] in _HEADERS else len(_HEADERS)


def _local(at: datetime, time_zone: str) -> str:
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return at.astimezone(zone).strftime("%d %b %Y, %H:%M")
