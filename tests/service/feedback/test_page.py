"""The hosted page, as a browser without scripts sees it."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from feedback import shop_secrets
from tests.service.feedback.world import HTML, World, customer, delivered, event, instant, order

BRANCHED = {
    "name": "Branches",
    "questions": [
        {"id": "nps", "type": "nps", "text": "How likely?"},
        {"id": "why", "type": "text", "text": "What went wrong?"},
        {"id": "love", "type": "text", "text": "What did you love?", "required": False},
    ],
    "logic": [
        {"after": "nps", "when": {"question": "nps", "op": "gte", "value": 9}, "then": [{"jump": "love"}]},
        {"after": "nps", "when": {"question": "nps", "op": "gte", "value": 7}, "then": [{"jump": "end"}]},
        {"after": "why", "then": [{"jump": "end"}]},
    ],
}


def checked(html: str) -> list[str]:
    """The names and values of what is chosen."""
    inputs = re.findall(r"<input type=\"(?:radio|checkbox)\"[^>]*>", html)
    found = [re.search(r'name="([^"]*)".*?value="([^"]*)"', one) for one in inputs if " checked" in one]
    return [f"{one[1]}={one[2]}" for one in found if one]


async def responses(world: World) -> int:
    return len(await world.rows("select 1 from responses"))


async def test_c14_opening_every_link_of_a_mail_answers_nothing(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    before = await world.events()
    for value in range(11):
        await world.open(f"{path}?nps={value}")
        head = await world.visitor.head(f"{path}?nps={value}")
        assert (head.status_code, head.content) == (200, b"")
    assert await responses(world) == 0
    assert len(await world.events()) == len(before)
    assert "Thank you!" in await world.fill_in(path, {"nps": "4"})


async def test_c15_a_link_preselects_and_the_post_answers(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    html = await world.open(f"{path}?nps=8")
    assert checked(html) == ["nps=8"]
    await world.fill_in(path, {"nps": "8"}, page=html)
    assert [one["score"] for one in await world.responses()] == [8]


@pytest.mark.parametrize("query", ["nps=11", "nps=abc", "nps=", "nps=8&nps=9", "other=1", "comment=%00", "_at=comment"])
async def test_an_odd_query_only_preselects_what_there_is(world: World, query: str) -> None:
    await world.take(delivered(at=world.now))
    html = await world.open(f"{await world.link()}?{query}")
    assert len(checked(html)) <= 2
    assert "<form" in html


async def test_the_page_is_headed_by_the_shop_and_loads_nothing(world: World) -> None:
    await world.take(delivered(at=world.now))
    answer = await world.visitor.get(await world.link())
    assert "<title>Your opinion · Röstwerk</title>" in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"].startswith("noindex")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<img|<link|https?://|style=\"| on\w+=", answer.text)


async def test_c13_a_second_answer_is_told_that_the_first_one_stands(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    html = await world.open(path)
    assert "Thank you!" in await world.fill_in(path, {"nps": "9", "comment": "Good"}, page=html)
    assert "You have already answered" in await world.fill_in(path, {"nps": "1", "comment": "Bad"}, page=html)
    assert "You have already answered" in await world.open(path)
    (kept,) = await world.responses()
    assert (kept["score"], kept["answers"]) == (9, {"nps": 9, "comment": "Good"})
    assert len(await world.events("survey.answered")) == 1
    async with world.json() as program:
        again = await program.post(path, json={"answers": {"nps": 1}})
    assert (again.status_code, again.json()["code"]) == (409, "already_answered")


@pytest.mark.parametrize("nps", ["11", "-1", "7.5", "abc", "", "9\n", "８"])
async def test_a7_a_wrong_answer_is_refused_and_the_rest_is_kept_on_the_page(world: World, nps: str) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    if nps == "9\n":
        assert "Thank you!" in await world.fill_in(path, {"nps": nps})  # browsers may send white space
        return
    html = await world.fill_in(path, {"nps": nps, "comment": "Was <b>great</b> & fast"}, expect=422)
    assert 'role="alert"' in html
    assert "<title>Error: " in html
    assert "Was &lt;b&gt;great&lt;/b&gt; &amp; fast" in html
    assert await responses(world) == 0
    assert await world.events("survey.answered") == []
    assert "Thank you!" in await world.fill_in(path, {"nps": "7", "comment": "x"}, page=html)


async def test_a_text_that_is_too_long_is_given_back(world: World) -> None:
    await world.take(delivered(at=world.now))
    html = await world.fill_in(await world.link(), {"nps": "8", "comment": "x" * 2001}, expect=422)
    assert "Please shorten this to 2000 characters." in html
    assert "x" * 2001 in html
    assert checked(html) == ["nps=8"]


@pytest.mark.parametrize("part", ["payload", "signature", "cut", "empty shop", "nonsense"])
async def test_c11_an_altered_link_is_not_valid(world: World, part: str) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    payload, signature = path.removeprefix("/f/").split(".")
    altered = {
        "payload": f"/f/A{payload[1:]}.{signature}",
        "signature": f"/f/{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "cut": path[:-4],
        "empty shop": "/f/WyIiLCJpbnYiXQ.x",
        "nonsense": "/f/nonsense",
    }[part]
    html = await world.open(altered, expect=403)
    assert "This link is not valid" in html
    assert "Röstwerk" not in html
    for accept in ("application/json", "*/*"):
        for method in ("GET", "POST"):
            answer = await world.visitor.request(method, altered, headers={"Accept": accept}, data={"nps": "9"})
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "link_invalid"
    assert await responses(world) == 0


async def test_c11_old_links_stay_valid_when_the_key_is_changed(world: World) -> None:
    await world.take(delivered(at=world.now))
    old = await world.link()
    async with world.service.runtime.db.work() as tx:
        assert await shop_secrets.rotate(tx, "demo") == 1
    new = await world.link()
    assert new != old
    await world.open(new)
    assert "Thank you!" in await world.fill_in(old, {"nps": "9"})
    assert "You have already answered" in await world.open(new)


async def test_c10_a_link_ends_with_its_last_day(world: World) -> None:
    document = {**BRANCHED, "logic": [], "link_lifetime": "P7D"}
    await world.put_survey(document)
    await world.take(delivered(at=world.now))
    path = await world.link()
    world.clock.now = world.now.replace(day=17, hour=23, minute=59, second=59)
    await world.open(path)
    world.later(seconds=1)
    assert "This link has expired" in await world.open(path, expect=410)
    async with world.json() as program:
        refused = await program.post(path, json={"answers": {"nps": 9}})
    assert (refused.status_code, refused.json()["code"]) == (410, "link_expired")
    assert await world.get("orders/1001/post-purchase") == {"survey": None}


async def test_an_answered_link_says_so_also_later(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    await world.fill_in(path, {"nps": "9"})
    world.later(days=365)
    assert "You have already answered" in await world.open(path)


async def test_a_link_of_an_erased_customer_is_gone(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    await world.take(customer("erased", {"customer_id": "c1", "at": instant(world.now)}, at=world.now))
    assert "no longer there" in await world.open(path, expect=410)
    await world.send(path, {"nps": "9"}, expect=410)


@pytest.mark.parametrize(
    ("customers", "orders", "browser", "chosen", "said"),
    [
        (None, None, "de-AT,en;q=0.5", None, "Ihre Meinung"),
        (None, None, "ja,fr;q=0.5", None, "Votre avis"),
        (None, "es-MX", "de", None, "Su opinión"),
        ("fr", "es", "de", None, "Votre avis"),
        ("fr", "es", "de", "en", "Your opinion"),
        (None, None, "", None, "Your opinion"),
        (None, None, "*", "xx", "Your opinion"),
    ],
)
async def test_the_page_speaks_the_readers_language(
    world: World, customers: str | None, orders: str | None, browser: str, chosen: str | None, said: str
) -> None:
    if customers:
        await world.take(customer("updated", {"customer_id": "c1", "locale": customers}, at=world.now))
    await world.take(delivered(at=world.now, locale=orders))
    query = f"?lang={chosen}" if chosen else ""
    html = await world.open(await world.link() + query, language=browser)
    assert f"<h1>{said}</h1>" in html


async def test_a_text_in_another_script_is_marked_and_runs_its_own_way(world: World) -> None:
    question = {"id": "nps", "type": "nps", "required": True, "text": {"ar": "كيف؟"}}
    await world.put_survey({"name": "x", "questions": [question, {"id": "why", "type": "text", "text": "Why?"}]})
    await world.take(delivered(at=world.now))
    page = await world.open(await world.link(), language="ar,de")
    assert '<html lang="de">' in page
    assert '<span lang="ar" dir="auto">كيف؟</span>' in page
    assert '<textarea name="why" id="why-text" dir="auto"' in page


async def test_a_language_that_the_reader_chose_stays(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    html = await world.open(path + "?lang=es")
    html = await world.fill_in(path, {"nps": ""}, page=html, expect=422)
    assert "Revise sus respuestas" in html
    assert "¡Gracias!" in await world.fill_in(path, {"nps": "9"}, page=html)
    assert [one["language"] for one in await world.responses()] == ["es"]


async def test_a_shop_without_a_name_yet_is_called_by_its_id(world: World) -> None:
    await world.take(delivered(at=world.now, shop="other-shop"))
    async with world.service.client("other-shop") as client:
        url = (await client.get("/v1/feedback/orders/1001/post-purchase")).json()["survey"]["url"]
    html = await world.open(url.removeprefix("http://shop.test"))
    assert "How likely are you to recommend other-shop" in html


async def test_texts_of_the_shop_are_shown_as_texts(world: World) -> None:
    evil = "<script>alert(1)</script>\"'&"
    await world.put_survey({"name": evil, "questions": [{"id": "nps", "type": "nps", "text": evil}]})
    await world.take(
        event(
            "shop.upserted",
            {
                "shop_id": "demo",
                "name": evil,
                "currency": "EUR",
                "time_zone": "UTC",
                "locale": "en",
                "url": 'https://shop.test/?a="><script>',
            },
            at=world.now,
        ),
        delivered(at=world.now),
    )
    path = await world.link()
    for html in (await world.open(path), await world.fill_in(path, {"nps": "9"})):
        assert "<script" not in html


async def test_a_survey_with_branches_leads_step_by_step(world: World) -> None:
    await world.put_survey(BRANCHED)
    await world.take(delivered(at=world.now))
    path = await world.link()
    first = await world.open(path)
    assert "What went wrong?" not in first
    second = await world.fill_in(path, {"nps": "3"}, page=first)
    assert "What went wrong?" in second
    assert "Step 2" in second
    assert (await world.responses(finished="false"))[0]["answers"] == {"nps": 3}
    assert await world.events("survey.answered") == []
    again = await world.open(path)
    assert "What went wrong?" in again
    refused = await world.fill_in(path, {"why": ""}, page=second, expect=422)
    assert "Please answer this question." in refused
    assert "Thank you!" in await world.fill_in(path, {"why": "Slow"}, page=refused)
    (kept,) = await world.responses()
    assert (kept["finished"], kept["answers"]) == (True, {"nps": 3, "why": "Slow"})


async def test_b13_back_shows_what_was_answered_and_finishes_nothing(world: World) -> None:
    await world.put_survey(BRANCHED)
    await world.take(delivered(at=world.now))
    path = await world.link()
    second = await world.fill_in(path, {"nps": "3"})
    back = re.search(r'class="back" href="([^"]+)"', second)
    assert back is not None
    first = await world.open(path + back[1].replace("&amp;", "&"))
    assert checked(first) == ["nps=3"]
    assert await world.events("survey.answered") == []
    love = await world.fill_in(path, {"nps": "10"}, page=first)
    assert "What did you love?" in love
    assert "Thank you!" in await world.fill_in(path, {"love": ""}, page=love)
    (kept,) = await world.responses()
    assert kept["answers"] == {"nps": 10, "love": None}


async def test_a_form_that_was_open_while_the_survey_changed_is_taken_as_it_was(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    html = await world.open(path)
    changed = {"name": "x", "questions": [{"id": "other", "type": "text", "text": "Something else?"}]}
    await world.put_survey(changed)
    assert "Thank you!" in await world.fill_in(path, {"nps": "9"}, page=html)
    (kept,) = await world.responses()
    assert (kept["survey_version"], kept["answers"]) == (1, {"nps": 9, "comment": None})


async def test_a_form_that_names_a_version_that_never_was_is_taken_by_the_newest(world: World) -> None:
    await world.take(delivered(at=world.now))
    for version in ("77", "0", "-1", "x", "99999999999"):
        await world.send(await world.link(), {"nps": "", "_version": version}, expect=422)
    assert "Thank you!" in await world.send(await world.link(), {"nps": "9", "_version": "77"})


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"nps=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[1]", "application/json", 422),
        (b'{"answers": 1}', "application/json", 422),
        (b'{"answers": {}, "finished": "yes"}', "application/json", 422),
        (b'{"answers": {}, "extra": 1}', "application/json", 422),
        (b'{"nps": "\\u0000"}', "application/json", 422),
        (b'{"nps": 9, "comment": "\\ud800"}', "application/json", 422),
        (b'{"nps": NaN}', "application/json", 400),
        (b'{"nps": 99999999999999999999999}', "application/json", 422),
        (b"nps=9", "multipart/form-data; boundary=x", 415),
        (b"nps=9", "text/plain", 415),
        (b"nps=" + b"9" * 1_100_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_body_that_is_none_is_refused_and_nothing_kept(
    world: World, body: bytes, kind: str, status: int
) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    answer = await world.visitor.post(path, content=body, headers={"Content-Type": kind, "Accept": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    page = await world.visitor.post(path, content=body, headers={"Content-Type": kind, **HTML})
    assert page.status_code == status
    assert await responses(world) == 0


@pytest.mark.parametrize("wrapped", [False, True])
async def test_text_that_nothing_can_hold_is_pointed_at(world: World, wrapped: bool) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    async with world.json() as program:
        for text in ("a\\u0000", "\\udfff"):
            answers = f'{{"nps": 9, "comment": "{text}"}}'
            body = f'{{"answers": {answers}}}' if wrapped else answers
            answer = await program.post(path, content=body, headers={"Content-Type": "application/json"})
            pointers = [error["pointer"] for error in answer.json()["errors"]]
            assert (answer.status_code, pointers) == (422, ["/answers/comment"])


async def test_a_bare_form_without_hidden_fields_is_enough(world: World) -> None:
    await world.take(delivered(at=world.now))
    async with world.service.anonymous() as client:
        answer = await client.post(await world.link(), data={"nps": "8"})
    assert answer.status_code == 200
    assert [one["score"] for one in await world.responses()] == [8]


async def test_programs_get_the_survey_and_answer_it_as_json(world: World) -> None:
    await world.take(delivered(at=world.now))
    path = await world.link()
    async with world.json() as program:
        asked = (await program.get(path)).json()
        assert (asked["state"], [one["id"] for one in asked["questions"]]) == ("open", ["nps", "comment"])
        wrong = await program.post(path, json={"answers": {"nps": 11, "nope": 1}})
        assert wrong.status_code == 422
        assert {one["pointer"] for one in wrong.json()["errors"]} == {"/answers/nps", "/answers/nope"}
        done = await program.post(path, json={"answers": {"nps": 9}})
        assert (done.status_code, done.json()["finished"]) == (200, True)
        assert (await program.get(path)).json()["state"] == "answered"


class _Outline(HTMLParser):
    """What of a page can be wrong without anybody seeing it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.open: list[str] = []
        self.controls: list[tuple[str, dict[str, str | None], bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for name in ("aria-describedby", "for"):
            self.refers += str(given.get(name) or "").split()
        if str(given.get("href") or "").startswith("#"):
            self.refers.append(str(given["href"])[1:])
        if tag in ("input", "textarea", "select"):
            self.controls.append((tag, given, "label" in self.open and "fieldset" in self.open))
        if tag not in ("meta", "input", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


EVERY_TYPE: list[dict[str, Any]] = [
    {"id": "n", "type": "nps", "text": "N?", "help": "Help", "required": False},
    {"id": "c", "type": "csat", "text": "C?", "scale": 5},
    {"id": "e", "type": "ces", "text": {"en": "E?", "ar": "؟"}},
    {"id": "r", "type": "rating", "text": "R?", "scale": 10, "labels": {"low": "bad", "high": {"en": "good"}}},
    {"id": "s", "type": "single", "text": "S?", "choices": [{"id": "x", "label": "X"}, {"id": "y", "label": "Y"}]},
    {
        "id": "m",
        "type": "multi",
        "text": "M?",
        "choices": [{"id": "x", "label": "X"}, {"id": "y", "label": {"de": "Ypsilon"}}],
        "required": False,
    },
    {"id": "t", "type": "text", "text": "T?", "max_length": 100, "required": False},
    {"id": "u", "type": "text", "text": "U?", "multiline": False},
]


async def test_every_control_has_a_name_and_every_reference_a_target(world: World) -> None:
    await world.put_survey({"name": "All", "questions": EVERY_TYPE})
    await world.take(delivered(at=world.now))
    path = await world.link()
    for html in (await world.open(path), await world.fill_in(path, {}, expect=422)):
        outline = _Outline()
        outline.feed(html)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert set(outline.refers) <= set(outline.ids)
        for tag, given, labelled in outline.controls:
            if given.get("type") == "hidden":
                continue
            assert labelled or given["id"] in outline.refers, (tag, given)
    fields = {"c": "4", "e": "7", "r": "10", "s": "y", "m": ["x", "y"], "u": "ok"}
    assert "Thank you!" in await world.fill_in(path, fields)
    (kept,) = await world.responses()
    assert kept["answers"] == {"n": None, "c": 4, "e": 7, "r": 10, "s": "y", "m": ["x", "y"], "t": None, "u": "ok"}
    assert (kept["metric"], kept["score"]) == ("csat", 4)


async def test_an_optional_answer_can_be_taken_back(world: World) -> None:
    await world.put_survey({"name": "All", "questions": EVERY_TYPE[:1]})
    await world.take(delivered(at=world.now))
    path = await world.link()
    assert "No answer" in await world.open(path)
    await world.fill_in(path, {"n": ""})
    assert (await world.responses())[0]["answers"] == {"n": None}


async def test_the_order_of_an_imported_link_is_known_by_its_attributes(world: World) -> None:
    when = {"attribute": "gift", "op": "eq", "value": "yes"}
    document = {**BRANCHED, "logic": [{"after": "nps", "when": when, "then": [{"jump": "end"}]}]}
    await world.put_survey(document)
    await world.take(order(at=world.now - timedelta(hours=1), attributes={"gift": "yes"}))
    assert "Thank you!" in await world.fill_in(await world.link(), {"nps": "3"})
