import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import notifications
from notifications.language import LANGUAGES, language_for
from notifications.order_facts import Line, OrderFacts
from notifications.rendering import Draft, Shop, render, subject_of, web_url
from notifications.workflows import WORKFLOWS

ORDER = OrderFacts(
    number="#1001",
    placed_at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC),
    currency="EUR",
    lines=(Line("Coffee <b>beans</b> & more", 2, 2980), Line("Kettle", 1, 4550)),
    discount=500,
    shipping=490,
    tax=1201,
    tax_included=True,
    tip=0,
    total=7520,
    refunded=0,
    cancelled=False,
    delivered=False,
    locale=None,
)


def draft(workflow: str = "order_confirmation", **changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "workflow": workflow,
        "shop": Shop("Kaffee & Söhne", "https://shop.example", "Europe/Berlin", "en"),
        "first_name": "Ada",
        "locale": "de-AT",
        "order": ORDER,
        "data": {"points": 120, "balance": 3400, "url": "/f/abc"},
        "preferences_url": "https://shop.example/p/token",
        "public_url": "https://comeback.example",
    }
    return Draft(**{**fields, **changes})


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("locale", ["en-US", "de", "fr-CH", "es", "pl"])
def test_every_message_reads_in_every_language(workflow: str, locale: str) -> None:
    rendered = render(draft(workflow, locale=locale))
    assert rendered.subject
    assert rendered.subject == subject_of(draft(workflow, locale=locale))
    for body in (rendered.text, rendered.html):
        assert "Kaffee" in body
        assert "Ada" in body
        assert "https://shop.example/p/token" in body
        assert "{" not in body.replace("{ ", "").split("<body", 1)[-1]
    tags = Tags()
    tags.feed(rendered.html)
    assert all(link.startswith(("https://", "http://")) for link in tags.links)
    assert not {"script", "iframe", "form"} & set(tags.tags)


def test_what_shops_and_customers_write_is_text_and_never_markup() -> None:
    rendered = render(draft(first_name="<script>alert(1)</script>", shop=Shop('"><img src=x onerror=alert(1)>')))
    assert "<script>" not in rendered.html
    assert "<img" not in rendered.html
    assert "Coffee &lt;b&gt;beans&lt;/b&gt; &amp; more" in rendered.html
    assert "Coffee <b>beans</b> & more" in rendered.text


def test_a_title_in_another_script_leaves_its_quantity_where_it_is() -> None:
    html = render(draft(order=replace(ORDER, lines=(Line("قهوة", 2, 7520),)))).html
    assert re.search(r'<span dir="auto">قهوة</span> <span[^>]*>&times;&nbsp;2</span>', html)


def test_money_and_dates_are_the_customers_and_the_day_is_the_shops() -> None:
    text = render(draft(locale="de")).text
    assert "29,80\xa0€" in text
    assert "25. November 2026" in text  # 23:30 UTC is the next day in Berlin
    assert "75,20\xa0€" in text
    assert "enthält 12,01\xa0€ Steuern" in text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../../etc/passwd", ""])
def test_a_time_zone_that_nobody_knows_is_utc(zone: str) -> None:
    assert "24. November 2026" in render(draft(locale="de", shop=Shop("S", time_zone=zone))).text


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_nothing_that_is_written_breaks_a_line_or_turns_the_text_around(workflow: str) -> None:
    hostile = "x\u202ey\u2066z\nBcc: eve@example.com"
    order = replace(ORDER, number=hostile, lines=(Line(hostile, 1, 7520),))
    rendered = render(draft(workflow, first_name=hostile, shop=Shop(hostile), order=order))
    for part in (rendered.subject, rendered.text, rendered.html):
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", part)
        assert "\nBcc:" not in part


def test_yen_have_no_decimals_and_dinars_three() -> None:
    assert "¥7,520" in render(draft(locale="en-US", order=replace(ORDER, currency="JPY"))).text
    assert re.search(r"KWD\s?7\.520", render(draft(locale="en-US", order=replace(ORDER, currency="KWD"))).text)


def test_a_cancelled_order_says_so_and_thanks_for_nothing() -> None:
    rendered = render(draft(locale="en", order=replace(ORDER, cancelled=True)))
    assert "cancelled" in rendered.subject
    assert "Thank you" not in rendered.text


def test_a_long_order_shows_a_hundred_lines_and_counts_the_rest() -> None:
    order = replace(ORDER, lines=tuple(Line(f"Item {number}", 1, 100) for number in range(150)))
    text = render(draft(locale="en", order=order)).text
    assert "Item 99:" in text
    assert "Item 100:" not in text
    assert "and 50 more items" in text


def test_pending_points_are_not_called_spendable() -> None:
    data = {"points": 1, "balance": 0, "pending": True, "available_at": "2026-12-08T10:00:00.000000Z"}
    text = render(draft("points_earned", locale="en", data=data)).text
    assert "+1 point\n" in text
    assert "This point is reserved for you, and yours to spend from December 8, 2026 on." in text
    later = {"points": 1200, "balance": 0, "pending": True}
    assert "These points are reserved for you" in render(draft("points_earned", locale="en", data=later)).text
    assert "Diese Punkte sind für Sie vorgemerkt" in render(draft("points_earned", locale="de", data=later)).text


@pytest.mark.parametrize(("delivered", "said"), [(True, True), (False, False)])
def test_only_of_a_delivered_order_a_survey_says_that_it_has_come(delivered: bool, said: bool) -> None:
    order = replace(ORDER, delivered=delivered)
    text = render(draft("survey_invitation", locale="en", order=order)).text
    assert ("has reached you" in text, "recently bought from us" in text) == (said, not said)


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("/f/abc", "https://comeback.example/f/abc"),
        ("https://other.example/f", "https://other.example/f"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("https://x.example/ a", ""),
        (None, ""),
    ],
)
def test_only_web_addresses_become_links(url: object, absolute: str) -> None:
    assert web_url(url, "https://comeback.example") == absolute


def test_the_language_is_the_customers_then_the_orders_then_the_shops_then_english() -> None:
    assert language_for(["pl", "fr_CA", "de"]).tag == "fr-CA"
    assert language_for([None, "", "xx-YY"]).tag == "en"
    assert language_for(["de_XX"]).tag == "de"


def test_all_languages_have_the_same_texts_with_the_same_places() -> None:
    folder = Path(notifications.__file__).parent / "texts"
    assert {file.stem for file in folder.glob("*.json")} == set(LANGUAGES)
    places: dict[str, dict[str, set[str]]] = {}
    for file in folder.glob("*.json"):
        texts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for key, text in texts.items():
            forms = [text] if isinstance(text, str) else list(text.values())
            found = {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}
            places.setdefault(key, {})[file.stem] = found
    for key, by_language in places.items():
        assert set(by_language) == set(LANGUAGES), key
        assert len({frozenset(found) for found in by_language.values()}) == 1, key
