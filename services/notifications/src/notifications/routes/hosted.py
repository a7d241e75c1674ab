"""The hosted preference page, reached from the links in mails. A GET never writes: scanners open every link."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from comeback_kit.db import Connection
from comeback_kit.errors import Unprocessable
from comeback_kit.http import Now, RuntimeDep
from comeback_kit.languages import accepted
from comeback_kit.runtime import Runtime
from notifications import contacts, links, preferences, queries
from notifications.errors import LinkInvalid
from notifications.language import Language, language_for
from notifications.links import PreferenceLink
from notifications.page_views import page
from notifications.rendering import Shop, web_url
from notifications.service_state import ServiceState, state_of
from notifications.workflows import CATEGORIES

router = APIRouter(prefix="/p", tags=["Hosted pages"])

_LONGEST = 4096


@router.get("/{token}", summary="The preference page", include_in_schema=True)
async def preference_page(
    token: str, request: Request, runtime: RuntimeDep, saved: Annotated[str | None, Query(max_length=20)] = None
) -> Response:
    """The categories of mail that a customer can turn on and off."""
    shop_id = _shop_of(token)
    async with runtime.db.request(shop_id) as tx:
        link = await _verified(tx, token, shop_id, state_of(runtime))
        if link is None:
            return _refuse(request)
        shop = await queries.shop_of(tx, shop_id)
        language = await _language(tx, link, shop, request)
        chosen = await preferences.read(tx, shop_id, link.customer_id)
    return page("preferences.html", _words(language, shop, chosen, saved))


@router.post("/{token}", summary="Unsubscribe, or save the preference page")
async def change_preferences(token: str, request: Request, runtime: RuntimeDep, now: Now) -> Response:
    """One click from a mail program (RFC 8058), or the page's own form."""
    shop_id = _shop_of(token)
    async with request.form() as form:
        return await _changed(token, shop_id, form, request, runtime, now)


async def _changed(
    token: str, shop_id: str, form: FormData, request: Request, runtime: Runtime, now: datetime
) -> Response:
    state = state_of(runtime)
    async with runtime.db.request(shop_id) as tx:
        link = await _verified(tx, token, shop_id, state)
        if link is None:
            return _refuse(request)
        if str(form.get("List-Unsubscribe", "")).strip().lower() == "one-click":
            await preferences.unsubscribe(tx, shop_id, link.customer_id, link.category, state.secrets, now=now)
            return PlainTextResponse("You have been unsubscribed.\n", headers={"Cache-Control": "no-store"})
        choices, said = _choices(form)
        await preferences.change(tx, shop_id, link.customer_id, choices, state.secrets, now=now, origin="page")
    return RedirectResponse(f"?saved={said}", status_code=303, headers={"Cache-Control": "no-store"})


def _shop_of(token: str) -> str:
    shop_id = links.shop_claimed(token) if len(token) <= _LONGEST else None
    return shop_id if shop_id and "\x00" not in shop_id else "-"


async def _verified(tx: Connection, token: str, shop_id: str, state: ServiceState) -> PreferenceLink | None:
    secrets = await state.secrets.existing(tx, shop_id)
    return None if secrets is None else links.verify(token, secrets.link_keys)


def _refuse(request: Request) -> Response:
    # The same answer whatever is wrong, so that nobody learns which shops and customers exist.
    if "text/html" in request.headers.get("accept", ""):
        language = language_for(accepted(request.headers.get("accept-language")))
        words = {
            "lang": language.tag,
            "title": language.say("page.link_invalid"),
            "text": language.say("page.link_invalid.about"),
        }
        return page("link_invalid.html", words, status=LinkInvalid.status)
    raise LinkInvalid


def _choices(form: FormData) -> tuple[dict[str, bool], str]:
    optional = [category.id for category in CATEGORIES.values() if not category.required]
    if "unsubscribe" in form:
        return dict.fromkeys(optional, False), "unsubscribed"
    if form.get("form") != "preferences":
        raise Unprocessable("the form must hold List-Unsubscribe=One-Click, or the fields of the preference page")
    return {category: category in form for category in optional}, "saved"


async def _language(tx: Connection, link: PreferenceLink, shop: Shop, request: Request) -> Language:
    person = await queries.canonical(tx, link.shop_id, link.customer_id)
    fields = await tx.fetchval(
        "select fields from customers where shop_id = $1 and customer_id = $2", link.shop_id, person
    )
    own = contacts.value(contacts.from_json(fields or {}), "locale")
    return language_for([own, *accepted(request.headers.get("accept-language")), shop.locale])


def _words(language: Language, shop: Shop, chosen: dict[str, bool], saved: str | None) -> dict[str, object]:
    notice = f"page.{saved}" if saved in ("saved", "unsubscribed") else None
    return {
        "lang": language.tag,
        "title": language.say("page.title", shop=shop.name),
        "lead": language.say("page.lead"),
        "shop": shop.name,
        "shop_url": web_url(shop.url, "") if shop.url else "",
        "notice": language.say(notice) if notice else "",
        "always": language.say("page.always"),
        "save": language.say("page.save"),
        "unsubscribe": language.say("page.unsubscribe"),
        "categories": [
            {
                "id": category.id,
                "name": language.say(f"page.{category.id}"),
                "about": language.say(f"page.{category.id}.about"),
                "required": category.required,
                "on": chosen[category.id],
            }
            for category in CATEGORIES.values()
        ],
    }
