"""The hosted preference page, one-click unsubscribe, and the mailbox, all without JavaScript."""

import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.service.notifications.world import World, ago, customer, entry, instant, order, points, shop, survey
from tests.service.notifications.world import world as run
from tests.support.postgres import TestServer

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def link_of(world: World, workflow: str) -> str:
    """The path of the List-Unsubscribe address in a message's mail."""
    message = next(one for one in await world.messages() if one["workflow"] == workflow)
    headers = (await world.get(f"messages/{message['id']}"))["mail"]["headers"]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return str(headers["List-Unsubscribe"]).strip("<>").removeprefix("http://shop.test")


async def chosen(world: World, customer_id: str = "c1") -> dict[str, bool]:
    found: dict[str, bool] = (await world.get(f"customers/{customer_id}/preferences"))["categories"]
    return found


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
async def test_case_58_and_60_one_click_needs_no_page_and_ends_surveys_but_not_receipts(
    world: World, encoding: str
) -> None:
    await world.tell(customer(), order("o1"))
    link = await link_of(world, "order_confirmation")
    field = {"List-Unsubscribe": "One-Click"}
    async with world.service.anonymous() as client:
        for _ in range(3):
            answer = (
                await client.post(link, data=field)
                if encoding == "urlencoded"
                else await client.post(link, files={"List-Unsubscribe": (None, "One-Click")})
            )
            assert answer.status_code == 200
    await world.tell(order("o2"), survey("o2"))
    assert await world.states(order_id="o2") == {
        "order_confirmation": ("sent", None),
        "survey_invitation": ("skipped", "unsubscribed"),
    }
    assert await chosen(world) == {"orders": True, "points": True, "surveys": False, "marketing": False}


async def test_case_59_every_mail_says_in_its_headers_how_to_end_it(postgres: TestServer, tmp_path: Path) -> None:
    async with run(postgres, tmp_path, public_url="https://shop.test") as running:
        await running.tell(customer(), order(), survey())
        mails = [file.read_text() for file in running.files()]
        assert len(mails) == 2
        for mail in mails:  # a receipt needs none, and has a way to the preferences in it
            head = mail.partition("\n\n")[0]
            assert len(re.findall(r"^List-Unsubscribe: <https://shop\.test/p/[\w.-]+>$", head, re.MULTILINE)) == 1
            assert len(re.findall(r"^List-Unsubscribe-Post: List-Unsubscribe=One-Click$", head, re.MULTILINE)) == 1


async def test_one_click_in_a_points_mail_ends_points_mails(world: World) -> None:
    await world.tell(customer(), order(), points())
    async with world.service.anonymous() as client:
        link = await link_of(world, "points_earned")
        assert (await client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    await world.tell(points("points.clawed_back", transaction_id="t9"))
    assert (await world.states())["points_clawed_back"] == ("skipped", "unsubscribed")


async def test_a_get_never_writes(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous(BROWSER) as client:
        for query in ("", "?List-Unsubscribe=One-Click", "?unsubscribe=all", "?saved=unsubscribed"):
            assert (await client.get(link + query)).status_code == 200
            assert (await client.head(link + query)).status_code == 200
    assert await world.rows("select 1 from consents") == []


async def test_the_form_turns_categories_on_and_off_and_comes_back_to_the_page(world: World) -> None:
    await world.tell(shop(), customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous(BROWSER) as client:
        page = (await client.get(link)).text
        boxes = dict(re.findall(r'type="checkbox"[^>]* name="(\w+)" value="on"( checked)?', page))
        assert boxes == {"points": " checked", "surveys": " checked", "marketing": ""}
        assert "<script" not in page
        answer = await client.post(link, data={"form": "preferences", "marketing": "on", "surveys": "on"})
        assert answer.status_code == 303
        after = await client.get(httpx.URL("http://service" + link).join(answer.headers["location"]))
        assert "Your choice has been saved." in after.text
    assert await chosen(world) == {"orders": True, "points": False, "surveys": True, "marketing": True}


async def test_one_button_turns_everything_optional_off(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous(BROWSER) as client:
        answer = await client.post(link, data={"form": "preferences", "points": "on", "unsubscribe": "all"})
        assert answer.headers["location"] == "?saved=unsubscribed"
    assert await chosen(world) == {"orders": True, "points": False, "surveys": False, "marketing": False}


async def test_a_post_that_says_nothing_changes_nothing(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous() as client:
        for data in ({}, {"surveys": "on"}, {"List-Unsubscribe": "Maybe"}):
            assert (await client.post(link, data=data)).status_code == 422
    assert await world.rows("select 1 from consents") == []


async def test_case_62_an_altered_link_is_refused_and_tells_nothing(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    altered = [link[:-4] + "AAAA", link.replace(".", ".A"), "/p/x", "/p/eyJ.x", link + "é", "/p/" + "A" * 5000]
    async with world.service.anonymous() as client, world.service.anonymous(BROWSER) as browser:
        answers = set()
        for path in altered:
            got, posted = await client.get(path), await client.post(path, data={"List-Unsubscribe": "One-Click"})
            for answer in (got, posted):
                body = answer.json()
                answers.add((answer.status_code, body["code"], body["detail"]))
            page = await browser.get(path)
            assert page.status_code == 403
            assert "This link is not valid" in page.text
        assert answers == {(403, "link_invalid", "This link is not valid")}
    assert await world.rows("select 1 from consents") == []


async def test_an_erased_persons_old_link_works_and_writes_nothing(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    await world.tell(entry("customer.erased", {"customer_id": "c1", "at": instant(ago())}))
    async with world.service.anonymous() as client:
        assert (await client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert await world.rows("select 1 from consents") == []


async def test_a_scanner_may_look_at_a_link_without_reading_it(world: World) -> None:
    await world.tell(customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous() as client:
        assert [(await client.head(path)).status_code for path in (link, link + "x")] == [200, 403]
    assert await world.rows("select 1 from consents") == []


async def test_the_page_speaks_the_customers_language_and_is_kept_by_nobody(world: World) -> None:
    await world.tell(shop("Röstwerk <b>"), customer(locale="de"), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous({**BROWSER, "Accept-Language": "fr"}) as client:
        answer = await client.get(link)
    assert '<html lang="de">' in answer.text
    assert "Ihre E-Mails von Röstwerk &lt;b&gt;" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "spoken", "refusal"),
    [
        ("pt-BR,pt;q=0.9,de;q=0.8", "de", "Dieser Link ist nicht gültig"),
        ("fr;q=0.1, es;q=0.9", "es", "Este enlace no es válido"),
        ("ja, *;q=0.5", "fr", "This link is not valid"),  # the shop's; of a link that is none no shop is known
        ("", "fr", "This link is not valid"),
    ],
)
async def test_of_a_customer_without_a_language_the_browsers_best_one_counts(
    world: World, asked: str, spoken: str, refusal: str
) -> None:
    await world.tell(shop(locale="fr"), customer(), order())
    link = await link_of(world, "order_confirmation")
    async with world.service.anonymous({**BROWSER, "Accept-Language": asked}) as client:
        assert f'<html lang="{spoken}">' in (await client.get(link)).text
        assert f"<h1>{refusal}</h1>" in (await client.get(link + "x")).text


async def test_the_shop_reads_and_changes_preferences_through_the_api(world: World) -> None:
    path = "/v1/notifications/customers/c9/preferences"
    async with world.service.client() as client:
        assert (await client.get(path)).json()["required"] == ["orders"]
        changed = await client.put(path, json={"categories": {"surveys": False, "orders": True}})
        assert changed.json()["categories"] == {"orders": True, "points": True, "surveys": False, "marketing": False}
        again = await client.put(path, json={"categories": {"surveys": True}})
        assert again.json()["categories"]["surveys"] is True
        page = await client.get(httpx.URL(again.json()["url"]).raw_path.decode())
        assert page.status_code == 200
        for categories in ({"orders": False}, {"unknown": True}):
            refused = await client.put(path, json={"categories": categories})
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["pointer"] == f"/categories/{next(iter(categories))}"
        for no_answer in ("no", 0, None):
            refused = await client.put(path, json={"categories": {"surveys": no_answer}})
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/categories/surveys")
        assert (await client.put(path, json={"category": {}})).status_code == 422
    async with world.service.client(scopes=frozenset({"notifications:read"})) as reader:
        assert (await reader.put(path, json={"categories": {}})).status_code == 403


async def test_the_mailbox_shows_each_mail_as_its_reader_sees_it(world: World) -> None:
    await world.tell(shop(), customer(), order(), order("o2", "nobody"), points())
    async with world.service.client(scopes=frozenset({"notifications:read"})) as client:
        box = (await client.get("/mailbox")).text
        assert "Your order #1001 at Röstwerk" in box
        assert "ada@example.com" in box
        assert "#o2" not in box
        unsent = (await client.get("/mailbox?show=unsent")).text
        assert "Your order #o2 at Röstwerk" in unsent
        assert "waits for the customer" in unsent
        message = next(one for one in await world.messages(order_id="1001") if one["workflow"] == "order_confirmation")
        page = (await client.get(f"/mailbox/{message['id']}")).text
        frame = re.search(r'<iframe [^>]*sandbox="([^"]*)" srcdoc="([^"]*)"', page)
        assert frame is not None
        assert "allow-scripts" not in frame[1]
        assert "allow-same-origin" not in frame[1]
        assert "€69.90" in unescape(frame[2])
        assert "* Coffee x 2: €20.00" in (await client.get(f"/mailbox/{message['id']}?view=text")).text
        assert "List-Unsubscribe-Post" in (await client.get(f"/mailbox/{message['id']}?view=headers")).text
        assert (await client.get("/mailbox/msg_unknown")).status_code == 404


async def test_the_mailbox_pages_through_many_mails(world: World) -> None:
    await world.tell(customer(), *[order(f"o{number:02}") for number in range(35)])
    async with world.service.client() as client:
        first = (await client.get("/mailbox")).text
        older = re.search(r'href="(\?show=mails&(?:amp;)?cursor=[^"]+)"', first)
        assert older is not None
        second = (await client.get("/mailbox" + unescape(older[1]))).text
    found = re.findall(r"order #(o\d\d)", first) + re.findall(r"order #(o\d\d)", second)
    assert sorted(found) == [f"o{number:02}" for number in range(35)]


async def test_the_mailbox_opens_to_this_machine_and_shop_keys_only(world: World) -> None:
    await world.tell(shop(), customer(), order(), shop("Other", shop_id="other"), order("o9", "c9", shop="other"))
    local = httpx.ASGITransport(app=world.service.app, client=("127.0.0.1", 5))
    far = httpx.ASGITransport(app=world.service.app, client=("203.0.113.5", 5))
    async with httpx.AsyncClient(transport=local, base_url="http://localhost:8000") as near:
        assert "Your order #1001" in (await near.get("/mailbox?shop=demo")).text
        assert (await near.get("/mailbox?shop=nobody")).status_code == 200
        assert (await near.get("/mailbox", headers={"X-Forwarded-For": "127.0.0.1"})).status_code == 200
        for host in ("127.0.0.1:8000", "[::1]:8000", "shop.test"):
            assert (await near.get("/mailbox", headers={"Host": host})).status_code == 200
        for headers in (
            {"X-Forwarded-For": "203.0.113.5"},
            {"X-Forwarded-For": "127.0.0.1, 203.0.113.5"},
            {"X-Real-IP": "203.0.113.5"},
            {"Forwarded": "for=203.0.113.5"},
            {"Host": "rebound.evil.example"},
            {"Host": "localhost.evil.example:8000"},
        ):
            assert (await near.get("/mailbox", headers=headers)).status_code == 401
    async with httpx.AsyncClient(transport=far, base_url="http://service") as stranger:
        refused = await stranger.get("/mailbox")
        assert (refused.status_code, refused.json()["code"]) == (401, "mailbox_needs_key")
    async with world.service.client("other") as other:
        assert "#1001" not in (await other.get("/mailbox?shop=demo")).text
    async with world.service.customer("c1") as shopper:
        assert (await shopper.get("/mailbox")).status_code == 403
    async with world.service.client(scopes=frozenset({"loyalty:read"})) as wrong:
        assert (await wrong.get("/mailbox")).status_code == 403
