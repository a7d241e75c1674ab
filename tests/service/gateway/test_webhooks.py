"""``POST /v1/webhooks/shopify/{shop_id}``: signatures, the vendor's samples, repetition, and a log that is away."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import httpx
import pytest

from comeback_contracts.guest import guest_id
from gateway.bootstrap import ensure_shop
from gateway.keys import generate
from tests.service.gateway.running import SHOPIFY_SECRET, Running, data_of, first_shop, running_gateway
from tests.support.postgres import TestServer
from tests.support.shared_files import shared_file

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/v1/webhooks/shopify/demo"


def signed(body: bytes, secret: str = SHOPIFY_SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


async def post(
    gateway: Running,
    topic: str,
    body: Any,
    *,
    path: str = PATH,
    secret: str = SHOPIFY_SECRET,
    event_id: str | None = None,
    **headers: str | None,
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signed(raw, secret),
        "X-Shopify-Shop-Domain": "my-shop.myshopify.com",
        "X-Shopify-Event-Id": event_id or secrets_id(),
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    async with gateway.client(None) as client:
        kept = {name: value for name, value in sent.items() if value is not None}
        return await client.post(path, content=raw, headers=kept)


def secrets_id() -> str:
    return secrets.token_hex(8)


def small_order(order_id: int | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": order_id or secrets.randbelow(2**60),
        "currency": "EUR",
        "created_at": "2026-05-01T10:00:00+02:00",
        "updated_at": "2026-05-01T10:05:00+02:00",
        "financial_status": "paid",
        "total_price": "30.00",
        "email": "ada@example.com",
        "customer": {"id": 7, "first_name": "Ada"},
        "line_items": [{"id": 11, "title": "Lamp", "quantity": 2, "price": "15.00"}],
        **changes,
    }


async def test_an_order_becomes_events_of_its_own_id_and_source(gateway: Running) -> None:
    body = small_order()
    answer = await post(gateway, "orders/paid", body, event_id="ev-1")
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted", "event_ids": ["orders/paid:ev-1"]})
    (order,) = [event for event in await gateway.events() if event.subject == str(body["id"])]
    assert (order.id, order.type, order.source) == ("orders/paid:ev-1", "order.paid", "shopify/my-shop")
    assert (order.time, order.keyid) == ("2026-05-01T08:05:00Z", None)
    data = data_of(order)["order"]
    assert (data["total"], data["payment_state"], data["customer"]) == (3000, "paid", {"customer_id": "7"})
    (contact,) = [event for event in await gateway.events() if event.id == "orders/paid:ev-1:customer"]
    assert data_of(contact)["email"] == "ada@example.com"


@pytest.mark.parametrize("topic", ["orders/create", "orders/paid", "orders/updated", "orders/cancelled"])
async def test_the_vendors_sample_order_is_accepted_for_every_topic(gateway: Running, topic: str) -> None:
    body = json.loads(shared_file("payloads/shopify_orders_create.json").read_text())["payload"]
    assert (await post(gateway, topic, body)).json()["status"] == "accepted"


async def test_the_vendors_sample_refund_is_accepted_without_its_order(gateway: Running) -> None:
    body = json.loads(shared_file("payloads/shopify_refunds_create.json").read_text())["payload"]
    answer = await post(gateway, "refunds/create", body, event_id="refund-1")
    assert answer.json()["event_ids"] == ["refunds/create:refund-1"]
    (event,) = [event for event in await gateway.events() if event.id == "refunds/create:refund-1"]
    assert (event.type, event.subject) == ("order.refunded", "820982911946154500")
    assert data_of(event)["order"].keys() == {"order_id", "refunds", "updated_at"}


async def test_a_delivery_that_is_repeated_has_the_same_id(gateway: Running) -> None:
    body = small_order()
    for _ in range(2):
        assert (await post(gateway, "orders/updated", body, event_id="again")).status_code == 200
    ids = [event.id for event in await gateway.events() if event.subject == str(body["id"])]
    assert ids == ["orders/updated:again"] * 2
    answers = [await post(gateway, "orders/updated", body, X_Shopify_Event_Id=None) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


async def test_a_wrong_signature_is_401_whatever_is_wrong_with_it(gateway: Running) -> None:
    body = json.dumps(small_order()).encode()
    good = signed(body)
    for answer in (
        await post(gateway, "orders/create", body, secret="another secret"),
        await post(gateway, "orders/create", body, X_Shopify_Hmac_Sha256=None),
        await post(gateway, "orders/create", body, X_Shopify_Hmac_Sha256=""),
        await post(gateway, "orders/create", body, X_Shopify_Hmac_Sha256="not base64 !"),
        await post(gateway, "orders/create", body, X_Shopify_Hmac_Sha256=good[:-4]),
        await post(gateway, "orders/create", body, X_Shopify_Hmac_Sha256=good.lower()),
        await post(gateway, "orders/create", body + b" ", X_Shopify_Hmac_Sha256=good),
        await post(gateway, "orders/create", body, path="/v1/webhooks/shopify/nobody"),
        await post(gateway, "app/uninstalled", b"{}", secret="another secret"),
        await post(gateway, "orders/create", b"not json", secret="another secret"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert not any(body in record.value for record in await gateway.records("comeback.orders.v1"))


async def test_the_signature_is_over_the_raw_bytes(gateway: Running) -> None:
    spaced = json.dumps(small_order(), indent=3).replace("Lamp", "L\\u0061mp").encode()
    assert (await post(gateway, "orders/create", spaced)).status_code == 200


async def test_a_secret_is_rotated_without_losing_a_delivery(gateway: Running) -> None:
    await ensure_shop(gateway.app, first_shop("rotating", key=str(generate()), shopify_secret="first secret"))
    path = "/v1/webhooks/shopify/rotating"

    async def status(secret: str) -> int:
        return (await post(gateway, "orders/create", small_order(), path=path, secret=secret)).status_code

    await gateway.admin.add_webhook_secret("rotating", "shopify", "second secret")
    assert [await status("first secret"), await status("second secret")] == [200, 200]
    await gateway.admin.add_webhook_secret("rotating", "shopify", "third secret")
    assert [await status("first secret"), await status("second secret"), await status("third secret")] == [
        401,
        200,
        200,
    ]
    assert await status(SHOPIFY_SECRET) == 401


async def test_one_shops_secret_does_not_open_anothers_door(gateway: Running) -> None:
    await ensure_shop(gateway.app, first_shop("next-door", key=str(generate()), shopify_secret="secret next door"))
    answer = await post(gateway, "orders/create", small_order(), path="/v1/webhooks/shopify/next-door")
    assert answer.status_code == 401


@pytest.mark.parametrize("topic", ["app/uninstalled", "fulfillment_events/create", "orders/edited", "", "shop/redact"])
async def test_other_topics_are_ignored_with_a_note(gateway: Running, topic: str) -> None:
    answer = await post(gateway, topic, {"id": 1})
    assert answer.status_code == 200
    assert answer.json()["status"] == "ignored"
    assert answer.json()["note"]


@pytest.mark.parametrize(
    ("topic", "body", "status", "code"),
    [
        ("orders/create", b"{", 400, "bad_request"),
        ("orders/create", b"[]", 422, "webhook_unmappable"),
        ("orders/create", b"{}", 422, "webhook_unmappable"),
        ("orders/create", json.dumps(small_order(currency="?")).encode(), 422, "webhook_unmappable"),
        ("orders/create", json.dumps(small_order(1, id="a/b")).encode(), 422, "webhook_unmappable"),
        ("orders/create", json.dumps(small_order(1, id="x" * 200)).encode(), 422, "webhook_unmappable"),
        ("refunds/create", b'{"id": 1}', 422, "webhook_unmappable"),
        ("customers/redact", b"{}", 422, "webhook_unmappable"),
    ],
)
async def test_what_cannot_be_understood_is_told_with_its_reason(
    gateway: Running, topic: str, body: bytes, status: int, code: str
) -> None:
    answer = await post(gateway, topic, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]


async def test_another_platform_and_a_bad_shop_id(gateway: Running) -> None:
    assert (await post(gateway, "x", b"{}", path="/v1/webhooks/etsy/demo")).status_code == 404
    assert (await post(gateway, "x", b"{}", path="/v1/webhooks/shopify/" + "x" * 129)).status_code == 422


async def test_a_large_order_is_taken(gateway: Running) -> None:
    lines = [{"id": n, "title": "Lamp", "quantity": 1, "price": "1.00", "filler": "f" * 3000} for n in range(1, 501)]
    body = small_order(line_items=lines, total_price="500.00")
    answer = await post(gateway, "orders/create", body)
    assert answer.json()["status"] == "accepted"
    assert (await post(gateway, "orders/create", b" " * 9_000_000)).status_code == 413


async def test_customers_consents_and_redactions(gateway: Running) -> None:
    def sample(name: str) -> Any:
        return json.loads(shared_file(f"payloads/shopify_{name}.json").read_text())["payload"]

    await post(gateway, "customers/create", sample("customers_create"), event_id="cc")
    await post(gateway, "customers_email_marketing_consent/update", sample("email_consent_update"), event_id="co")
    silent = await post(gateway, "customers_marketing_consent/update", sample("sms_consent_update"), event_id="cs")
    assert silent.json() == {"status": "ignored", "event_ids": [], "note": "it says nothing yet"}  # its state is null
    when = "2026-05-05T05:05:05.123456789Z"
    redact = sample("customers_redact")
    answer = await post(gateway, "customers/redact", redact, event_id="re", X_Shopify_Triggered_At=when)
    assert answer.json()["event_ids"] == ["customers/redact:re", "customers/redact:re:email"]
    events = {event.id: event for event in await gateway.events("comeback.customers.v1")}
    assert events["customers/create:cc"].type == "customer.registered"
    assert events["customers_email_marketing_consent/update:co"].type == "customer.consent_changed"
    shop = await gateway.app.state.parts.directory.shop("demo")
    guest = guest_id(shop.guest_secret, email="john@example.com")
    erased = [data_of(events[f"customers/redact:re{what}"]) for what in ("", ":email")]
    assert erased == [{"customer_id": one, "at": "2026-05-05T05:05:05.123456Z"} for one in ("191167", guest)]


async def test_a_guest_of_a_webhook_and_of_the_api_are_one_person(gateway: Running) -> None:
    body = small_order(customer=None, email="Guest@Example.com")
    await post(gateway, "orders/create", body)
    order_id = secrets_id()
    api = {
        "id": secrets_id(),
        "type": "order.placed",
        "occurred_at": "2026-05-01T10:00:00Z",
        "data": {
            "order": {
                "order_id": order_id,
                "currency": "EUR",
                "customer": {"email": "guest@example.com"},
                "lines": [],
                "total": 0,
                "placed_at": "2026-05-01T10:00:00Z",
            }
        },
    }
    async with gateway.client() as client:
        assert (await client.post("/v1/events", json=api)).status_code == 202
    orders = {event.subject: data_of(event)["order"] for event in await gateway.events("comeback.orders.v1")}
    guest = orders[str(body["id"])]["customer"]["customer_id"]
    assert guest.startswith("guest:")
    assert orders[order_id]["customer"]["customer_id"] == guest


async def test_with_the_log_away_shopify_is_told_to_send_again(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway:
        assert (await post(gateway, "orders/create", small_order())).status_code == 200
        await postgres.drop(gateway.log_url)
        answer = await post(gateway, "orders/create", small_order())
        assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
        assert int(answer.headers["retry-after"]) >= 1


async def test_webhooks_are_counted_by_outcome(gateway: Running) -> None:
    await post(gateway, "orders/create", {}, event_id="bad")
    async with gateway.client() as client:
        text = (await client.get("/metrics")).text
    counted = 'comeback_gateway_webhooks_total{outcome="unmappable",platform="shopify",topic="orders/create"}'
    assert counted in text
