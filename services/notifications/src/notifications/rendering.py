"""A message as a customer reads it: subject, text and HTML. Pure, but for the templates that ship with the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from notifications.language import Language, language_for
from notifications.mime import clean_text
from notifications.order_facts import OrderFacts
from notifications.order_mail import order_words
from notifications.workflows import (
    ORDER_CONFIRMATION,
    POINTS_CLAWED_BACK,
    POINTS_EARNED,
    SURVEY_INVITATION,
    WORKFLOWS,
)

_TEMPLATES: Final = {
    ORDER_CONFIRMATION: "order_confirmation",
    POINTS_EARNED: "points",
    POINTS_CLAWED_BACK: "points",
    SURVEY_INVITATION: "survey_invitation",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """What a mail says about the shop that sends it."""

    name: str
    url: str | None = None
    time_zone: str = "UTC"
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything a message is rendered from. ``data``: the points or the survey link that its event brought."""

    workflow: str
    shop: Shop
    first_name: str | None
    locale: str | None
    order: OrderFacts | None
    data: Mapping[str, Any]
    preferences_url: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished message."""

    subject: str
    text: str
    html: str
    language: str


def render(draft: Draft) -> Rendered:
    """Render a message in the customer's language, else the order's, else the shop's, else English."""
    language = language_of(draft)
    words = _words(draft, language)
    name = _TEMPLATES[draft.workflow]
    html = _environment(escape=True).get_template(f"{name}.html").render(**words)
    text = _environment(escape=False).get_template(f"{name}.txt").render(**words)
    return Rendered(str(words["subject"]), _tidy(text), html, language.tag)


def language_of(draft: Draft) -> Language:
    """The language that a draft is written in."""
    order_locale = draft.order.locale if draft.order else None
    return language_for([draft.locale, order_locale, draft.shop.locale])


def subject_of(draft: Draft) -> str:
    """The subject alone, for lists of messages that were not sent (yet)."""
    return _subject(draft, language_of(draft))


def web_url(url: object, base: str) -> str:
    """An absolute http(s) address, relative ones under ``base``; empty for anything else (``javascript:`` and such)."""
    if not isinstance(url, str) or any(char.isspace() for char in url):
        return ""
    absolute = urljoin(base + "/", url)
    parts = urlsplit(absolute)
    return absolute if parts.scheme in ("http", "https") and parts.netloc else ""


def _words(draft: Draft, language: Language) -> dict[str, Any]:
    name = clean_text(draft.first_name or "")[:80]
    shop = clean_text(draft.shop.name)[:120]
    category = WORKFLOWS[draft.workflow].category
    shop_url = web_url(draft.shop.url, "") if draft.shop.url else ""
    words: dict[str, Any] = {
        "lang": language.tag,
        "shop": shop,
        "shop_url": shop_url,
        "subject": _subject(draft, language),
        "preheader": "",
        "greeting": language.say("greeting", name=name) if name else language.say("greeting_nobody"),
        "say_visit": language.say("order.visit", shop=shop),
        "footer": language.say(f"footer.{category}", shop=shop),
        "say_preferences": language.say("footer.preferences"),
        "preferences_url": draft.preferences_url,
    }
    return words | _content(draft, language)


def _content(draft: Draft, language: Language) -> dict[str, Any]:
    if draft.workflow == ORDER_CONFIRMATION and draft.order is not None:
        return order_words(draft.order, language, draft.shop.time_zone)
    number = clean_text(draft.order.number) if draft.order else None
    lead = f"{draft.workflow}.lead"
    if draft.workflow == SURVEY_INVITATION and draft.order is not None and not draft.order.delivered:
        number = None  # what is said of the order is that it has come, and a shop may ask before it has
    said = language.say(f"{lead}_order", number=number) if number else language.say(lead)
    if draft.workflow == SURVEY_INVITATION:
        return {
            "title": language.say("survey_invitation.title"),
            "lead": said,
            "preheader": said,
            "survey_url": web_url(draft.data.get("url"), draft.public_url),
            "say_button": language.say("survey_invitation.button"),
            "say_fallback": language.say("survey_invitation.fallback"),
        }
    if draft.workflow == POINTS_EARNED:
        said = f"{said} {_availability(draft, language)}"
    points, balance = abs(int(draft.data.get("points", 0))), int(draft.data.get("balance", 0))
    return {
        "title": language.say(f"{draft.workflow}.title", points, points=language.number(points)),
        "lead": said,
        "preheader": said,
        "say_balance": language.say("points.balance"),
        "balance": language.say("points.balance_points", balance, points=language.number(balance)),
    }


def _availability(draft: Draft, language: Language) -> str:
    points = abs(int(draft.data.get("points", 0)))
    if not draft.data.get("pending"):
        return language.say("points_earned.now", points)
    available_at = draft.data.get("available_at")
    if available_at is None:
        return language.say("points_earned.later", points)
    date = language.date(datetime.fromisoformat(available_at), draft.shop.time_zone)
    return language.say("points_earned.later_date", points, date=date)


def _subject(draft: Draft, language: Language) -> str:
    shop = clean_text(draft.shop.name)[:120]
    if draft.workflow == ORDER_CONFIRMATION:
        cancelled = ".cancelled" if draft.order and draft.order.cancelled else ""
        number = draft.order.number if draft.order else ""
        return clean_text(language.say(f"order_confirmation{cancelled}.subject", number=number, shop=shop))
    if draft.workflow == SURVEY_INVITATION:
        return language.say("survey_invitation.subject", shop=shop)
    points = abs(int(draft.data.get("points", 0)))
    return language.say(f"{draft.workflow}.subject", points, points=language.number(points), shop=shop)


@lru_cache(maxsize=2)
def _environment(*, escape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("notifications", "templates"),
        autoescape=escape,  # noqa: S701  # off only for the plain text part, which is never read as HTML
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=False,
    )


def _tidy(text: str) -> str:
    """No more than one empty line in a row: what templates leave where a part is missing."""
    lines: list[str] = []
    for line in text.strip().split("\n"):
        bare = line.rstrip()
        if bare or (lines and lines[-1]):
            lines.append(bare)
    return "\n".join(lines) + "\n"
