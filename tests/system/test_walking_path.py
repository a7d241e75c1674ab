"""One order in, everything after the purchase out: the promise of the whole system, on one screen."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.support.comeback import SHOPIFY_SECRET, ComebackProcess
from tests.support.forms import answer_survey
from tests.support.order_events import POINTS_PAID, OrderStory
from tests.support.shop import Shop, customer_token, shop_of


async def test_an_order_becomes_points_mails_a_survey_and_offers(
    comeback: ComebackProcess, shop: Shop, new_id: str
) -> None:
    story = OrderStory(f"{new_id}-1", products=(f"{new_id}-beans", f"{new_id}-filter"))
    await shop.accept(story.placed(), story.paid())
    await shop.caught_up()

    member = await shop.member(story.customer)
    assert (member["balance"], member["pending"], member["lifetime_earned"]) == (POINTS_PAID, 0, POINTS_PAID)

    messages = {message["workflow"]: message for message in await shop.messages(order_id=story.order_id)}
    assert messages.keys() == {"order_confirmation", "points_earned"}
    assert {message["state"] for message in messages.values()} == {"sent"}
    for message in messages.values():
        assert _mailed_to(comeback, message["id"]) == f"{story.customer}@example.com"

    page = await shop.read(f"/v1/post-purchase/{story.order_id}", deadline_ms=5000)
    assert page["complete"] is True
    assert page["loyalty"]["points_earned"] == POINTS_PAID
    assert page["feedback"]["survey"]["url"].startswith(comeback.base_url)
    assert page["recommendations"]["status"] == "ok"
    assert page["notifications"]["status"] == "ok"


async def test_the_survey_is_answered_once_and_counts(comeback: ComebackProcess, shop: Shop, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    await shop.accept(story.paid(), story.delivered())
    await shop.caught_up()
    before = await shop.read("/v1/feedback/scores", metric="nps")
    invited = [one for one in await shop.messages(order_id=story.order_id) if one["workflow"] == "survey_invitation"]
    assert [one["state"] for one in invited] == ["sent"]

    url = (await shop.read(f"/v1/post-purchase/{story.order_id}", deadline_ms=5000))["feedback"]["survey"]["url"]
    async with httpx.AsyncClient() as browser:
        await browser.get(url, params={"nps": "2"})  # what a mail scanner does writes nothing
        await answer_survey(browser, url, "9", "Lovely beans")
    await shop.caught_up()

    after = await shop.read("/v1/feedback/scores", metric="nps")
    assert after["n"] == before["n"] + 1
    answers = [one for one in await shop.every("/v1/feedback/responses") if one.get("order_id") == story.order_id]
    assert len(answers) == 1
    assert "Lovely beans" in json.dumps(answers)


async def test_products_are_recommended_for_product_order_and_basket(shop: Shop, new_id: str) -> None:
    beans, paper = f"{new_id}-beans", f"{new_id}-filter"
    stories = [OrderStory(f"{new_id}-{number}", products=(beans, paper)) for number in range(6)]
    await shop.accept_all([story.paid() for story in stories])
    await shop.caught_up()

    beside = await shop.read(f"/v1/recommendations/products/{beans}", kind="bought_together")
    assert [item["product_id"] for item in beside["items"]][:1] == [paper]
    assert {"support", "confidence", "lift"} <= beside["items"][0]["reason"].keys()

    basket = await shop.http.post("/v1/recommendations/basket", json={"product_ids": [beans]})
    assert basket.status_code == 200, basket.text
    assert basket.json()["items"][0]["product_id"] == paper

    for_order = await shop.read(f"/v1/recommendations/orders/{new_id}-0")
    assert not {beans, paper} & {item["product_id"] for item in for_order["items"]}
    unknown = await shop.read(f"/v1/recommendations/products/{new_id}-unknown")
    assert {item["source"] for item in unknown["items"]} <= {"trending"}


async def test_a_customer_reads_and_spends_with_a_token_of_their_own(
    comeback: ComebackProcess, shop: Shop, new_id: str
) -> None:
    stories = [OrderStory(f"{new_id}-{number}", customer_id=f"{new_id}-ann") for number in range(4)]
    await shop.accept_all([story.paid() for story in stories])
    await shop.caught_up()
    async with shop_of(comeback.base_url, customer_token(f"{new_id}-ann")) as ann:
        assert (await ann.read("/v1/loyalty/me"))["balance"] == 4 * POINTS_PAID
        assert len(await ann.every("/v1/loyalty/me/transactions")) == 4
        rewards = await ann.read("/v1/loyalty/me/rewards")
        reward = rewards["items"][0]
        assert reward["points"] == 100
        held = await ann.http.post("/v1/loyalty/me/redemptions", json={"reward_id": reward["reward_id"]})
        assert held.status_code == 201, held.text
        assert (await ann.read("/v1/loyalty/me"))["balance"] == 0
        await ann.read(f"/v1/post-purchase/{stories[0].order_id}")
        assert (await ann.http.get("/v1/loyalty/members")).status_code == 403
    async with shop_of(comeback.base_url, customer_token(f"{new_id}-nobody")) as nobody:
        assert (await nobody.read("/v1/loyalty/me"))["balance"] == 0
        assert (await nobody.http.get(f"/v1/post-purchase/{stories[0].order_id}")).status_code == 404
    confirmed = await shop.http.post(f"/v1/loyalty/redemptions/{held.json()['redemption_id']}/confirm", json={})
    assert confirmed.status_code == 200, confirmed.text


async def test_a_signed_shopify_webhook_becomes_points(shop: Shop, new_id: str) -> None:
    order_id = int(new_id, 16)
    body = json.dumps(_shopify_order(order_id)).encode()
    refused = await _deliver(shop, body, signature="bm90IHNpZ25lZA==")
    assert refused.status_code == 401
    for _ in range(2):  # Shopify delivers again what it is not sure of
        taken = await _deliver(shop, body)
        assert taken.status_code == 200, taken.text
    await shop.caught_up()
    assert (await shop.member(f"8{order_id}"))["balance"] == 49
    assert len(await shop.transactions(f"8{order_id}")) == 1
    assert len(await shop.messages(order_id=str(order_id))) == 2


async def test_the_mailbox_shows_each_mail_as_the_customer_sees_it(
    comeback: ComebackProcess, shop: Shop, new_id: str
) -> None:
    story = OrderStory(f"{new_id}-1")
    await shop.accept(story.paid())
    await shop.caught_up()
    (message,) = [one for one in await shop.messages(order_id=story.order_id) if one["workflow"] == "points_earned"]
    async with httpx.AsyncClient(base_url=comeback.base_url) as browser:
        assert message["id"] in (await browser.get("/mailbox")).text
        mail = await browser.get(f"/mailbox/{message['id']}", params={"view": "text"})
    assert mail.status_code == 200
    assert str(POINTS_PAID) in mail.text


def _mailed_to(comeback: ComebackProcess, message_id: str) -> str:
    file = comeback.data_dir / "mails" / f"{message_id}.eml"
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["Message-ID"]
    assert mail.get_body(("plain",)) is not None
    assert mail.get_body(("html",)) is not None
    return str(mail["To"].addresses[0].addr_spec)


async def _deliver(shop: Shop, body: bytes, signature: str | None = None) -> httpx.Response:
    signed = base64.b64encode(hmac.digest(SHOPIFY_SECRET.encode(), body, hashlib.sha256)).decode()
    return await shop.http.post(
        "/v1/webhooks/shopify/demo",
        content=body,
        headers={
            "Content-Type": "application/json",
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Shop-Domain": "demo.myshopify.com",
            "X-Shopify-Event-Id": f"event-{hashlib.sha256(body).hexdigest()[:12]}",
            "X-Shopify-Hmac-Sha256": signature or signed,
        },
    )


def _shopify_order(order_id: int) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": order_id,
        "name": f"#{order_id}",
        "currency": "EUR",
        "financial_status": "paid",
        "created_at": now,
        "updated_at": now,
        "email": f"{order_id}@example.com",
        "customer": {"id": int(f"8{order_id}"), "first_name": "Bob", "email": f"{order_id}@example.com"},
        "line_items": [
            {"id": 1, "product_id": 11, "title": "Kettle", "quantity": 1, "price": "49.90", "total_discount": "0.00"}
        ],
        "total_price": "49.90",
        "total_tax": "0.00",
        "total_discounts": "0.00",
    }
