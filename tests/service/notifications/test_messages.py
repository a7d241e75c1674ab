"""What is sent, once; what waits, and what is never sent, and why."""

import asyncio
import email
import email.policy
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.service.notifications.world import World, ago, customer, entry, instant, order, points, shop, survey
from tests.service.notifications.world import world as run
from tests.support.apps import Clock
from tests.support.postgres import TestServer


async def test_an_order_is_confirmed_in_a_mail_that_reads_well(world: World) -> None:
    await world.tell(shop(), customer(last_name="Lovelace"), order())
    (message,) = await world.messages(order_id="1001")
    assert (message["workflow"], message["state"], message["customer_id"]) == ("order_confirmation", "sent", "c1")
    assert message["subject"] == "Your order #1001 at Röstwerk"
    assert message["to"] == "ada@example.com"
    (file,) = world.files()
    assert file.name == f"{message['id']}.eml"
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["To"] == "Ada Lovelace <ada@example.com>"
    assert mail["From"].addresses[0].display_name == "Röstwerk"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<http://shop.test/p/")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "€69.90" in text.get_content()
    assert "€69.90" in html.get_content()
    detail = await world.get(f"messages/{message['id']}")
    assert detail["mail"]["text"].strip() == text.get_content().replace("\r\n", "\n").strip()
    assert detail["mail"]["headers"]["Message-ID"] == mail["Message-ID"]


async def test_each_of_the_four_messages_is_sent_once_for_its_occasion(world: World) -> None:
    clawback: dict[str, Any] = {"kind": "points.clawed_back", "points": 10, "balance": 155}
    await world.tell(
        customer(),
        order(),
        points(),
        points(transaction_id="t2", points=5),
        points(**clawback, transaction_id="t3"),
        points(**clawback, transaction_id="t4"),
        survey(),
        survey(),
    )
    workflows = sorted(one["workflow"] for one in await world.messages(customer_id="c1"))
    assert workflows == [
        "order_confirmation",
        "points_clawed_back",
        "points_clawed_back",
        "points_earned",
        "survey_invitation",
    ]
    assert len(world.files()) == 5
    assert {one["state"] for one in await world.messages()} == {"sent"}


async def test_points_without_an_order_are_told_each_time(world: World) -> None:
    await world.tell(customer(), points(order_id=None), points(order_id=None, transaction_id="t2"))
    assert [one["workflow"] for one in await world.messages()] == ["points_earned"] * 2


async def test_case_7_an_event_repeated_a_hundred_times_makes_one_mail(world: World) -> None:
    await world.tell(customer(), *[order(id="e1") for _ in range(50)], *[order(id=f"x{n}") for n in range(50)])
    assert await world.states(order_id="1001") == {"order_confirmation": ("sent", None)}
    assert len(world.files()) == 1


async def test_case_6_an_event_that_is_replayed_days_later_makes_no_second_mail(
    postgres: TestServer, tmp_path: Path
) -> None:
    clock = Clock(ago())
    async with run(postgres, tmp_path / "mails", clock=clock) as world:
        placed = order(at=clock.now)
        await world.tell(customer(), placed, points())
        for hours in (25, 24):
            clock.now = clock.now + timedelta(hours=hours)
            await world.tell(placed, order(at=clock.now, placed_at=instant(ago())), points(at=clock.now))
        assert await world.states() == {"order_confirmation": ("sent", None), "points_earned": ("sent", None)}
        assert len(world.files()) == 2


async def test_case_8_two_orders_of_one_customer_have_two_confirmations(world: World) -> None:
    await world.tell(customer(), order("1001"), order("1002"))
    assert len(await world.messages(customer_id="c1")) == 2


async def test_a_message_waits_for_the_address_and_leaves_when_it_comes(world: World) -> None:
    await world.tell(order())
    (message,) = await world.messages()
    assert (message["state"], message["waiting_for"]) == ("waiting", "contact")
    assert not world.files()
    await world.tell(customer(email="not an address"))
    assert (await world.messages())[0]["state"] == "waiting"
    await world.tell(customer())
    assert await world.states() == {"order_confirmation": ("sent", None)}


async def test_an_order_without_a_customer_is_confirmed_when_it_gets_one(world: World) -> None:
    await world.tell(customer(), order(customer_id=None))
    assert not await world.messages()
    await world.tell(order(kind="order.updated", at=ago(seconds=-1)))
    assert await world.states() == {"order_confirmation": ("sent", None)}


async def test_an_order_that_changes_its_customer_is_not_confirmed_again(world: World) -> None:
    await world.tell(customer("c1"), customer("c2", "grace@example.com"), order())
    await world.tell(order(customer_id="c2", kind="order.updated", at=ago(seconds=-1)))
    assert [one["customer_id"] for one in await world.messages()] == ["c1"]


@pytest.mark.parametrize("kind", ["order.paid", "order.updated", "order.fulfilled", "order.delivered"])
async def test_the_first_event_of_an_order_confirms_it_whatever_its_type(world: World, kind: str) -> None:
    await world.tell(customer(), order(kind=kind), order())
    assert await world.states() == {"order_confirmation": ("sent", None)}


async def test_a_refund_that_comes_alone_waits_for_its_order(world: World) -> None:
    refund = {"refund_id": "r1", "at": instant(ago(minutes=1)), "lines": [], "shipping": 0, "amount": 500}
    alone = entry("order.refunded", {"order": {"order_id": "1001", "refunds": [refund]}})
    await world.tell(customer(), alone)
    assert not await world.messages()
    await world.tell(order())
    (message,) = await world.messages()
    assert "Refunded so far: €5.00" in (await world.get(f"messages/{message['id']}"))["mail"]["text"]


async def test_an_order_that_is_already_cancelled_is_confirmed_as_such(world: World) -> None:
    await world.tell(customer(), order(kind="order.cancelled", state="cancelled", cancelled_at=instant(ago(minutes=1))))
    (message,) = await world.messages()
    assert message["state"] == "sent"
    assert "cancelled" in message["subject"]


async def test_importing_a_year_of_history_mails_nobody(world: World) -> None:
    days = [3, 30, 365]
    await world.tell(customer(), *[order(f"o{day}", at=ago(days=day)) for day in days])
    # What follows from history happens today, by the clock of the service that tells it.
    await world.tell(*[points(order_id=f"o{day}", transaction_id=f"t{day}") for day in days])
    await world.tell(*[survey(order_id=f"o{day}") for day in days])
    found = await world.messages()
    assert len(found) == 9
    assert {(one["state"], one["reason"]) for one in found} == {("skipped", "too_old")}
    assert not world.files()


async def test_points_of_imported_history_that_overtake_their_order_wait_for_it_and_mail_nobody(world: World) -> None:
    await world.tell(customer(), points(order_id="old"), points(order_id="new", transaction_id="t2"))
    assert {(one["state"], one["waiting_for"]) for one in await world.messages()} == {("waiting", "order")}
    await world.tell(order("old", at=ago(days=300)), order("new"))
    by_order = {(one["order_id"], one["workflow"]): (one["state"], one["reason"]) for one in await world.messages()}
    assert by_order == {
        ("old", "points_earned"): ("skipped", "too_old"),
        ("old", "order_confirmation"): ("skipped", "too_old"),
        ("new", "points_earned"): ("sent", None),
        ("new", "order_confirmation"): ("sent", None),
    }


async def test_a_live_order_that_is_delivered_late_still_earns_its_mails(world: World) -> None:
    placed = ago(days=12)
    await world.tell(customer(), order(at=placed))
    delivered = {"placed_at": instant(placed), "delivered_at": instant(ago(hours=1)), "fulfilment_state": "delivered"}
    await world.tell(order(kind="order.delivered", **delivered))
    await world.tell(points(), survey())
    assert await world.states() == {
        "order_confirmation": ("skipped", "too_old"),
        "points_earned": ("sent", None),
        "survey_invitation": ("sent", None),
    }


async def test_a_delivery_that_only_its_event_dates_is_news(world: World) -> None:
    """First heard of by ``order.delivered``, placed long ago, without ``delivered_at``: the survey is not history."""
    placed, delivered = ago(days=12), {"kind": "order.delivered", "fulfilment_state": "delivered"}
    await world.tell(customer(), order("now", placed_at=instant(placed), **delivered))
    imported = {"placed_at": instant(placed), "updated_at": instant(placed)}
    await world.tell(order("then", at=placed, **delivered), order("import", "c1", **delivered, **imported))
    await world.tell(survey("now"), survey("then"), survey("import"))
    found = {one["order_id"]: one["reason"] for one in await world.messages() if one["workflow"] == "survey_invitation"}
    assert found == {"now": None, "then": "too_old", "import": "too_old"}


async def test_an_old_event_about_a_live_order_is_too_old(world: World) -> None:
    await world.tell(customer(), order())
    await world.tell(points(at=ago(hours=49)))
    assert (await world.states())["points_earned"] == ("skipped", "too_old")


async def test_the_survey_mail_has_the_link_of_the_event(world: World) -> None:
    await world.tell(customer(), order(), survey(url="http://shop.test/f/abc.def"))
    invitation = next(one for one in await world.messages() if one["workflow"] == "survey_invitation")
    mail = (await world.get(f"messages/{invitation['id']}"))["mail"]
    assert "http://shop.test/f/abc.def" in mail["text"]
    assert 'href="http://shop.test/f/abc.def"' in mail["html"]


async def test_every_final_state_is_published_without_contact_data(world: World) -> None:
    await world.tell(customer(), order("1001"), order("old", at=ago(days=9)))
    events = await world.published()
    assert sorted(event.type for event in events) == ["message.sent", "message.skipped"]
    skipped = next(event for event in events if event.type == "message.skipped")
    data = skipped.view(dict[str, Any])
    assert (data["workflow"], data["order_id"], data["reason"]) == ("order_confirmation", "old", "too_old")
    assert not any(b"ada@example.com" in bytes(event.data) for event in events)


async def test_a_poison_event_goes_to_the_dead_letters_and_the_others_go_on(world: World) -> None:
    bad = [
        entry("points.earned", {"customer_id": "c1", "points": "many", "balance": 1, "transaction_id": "t"}),
        entry("customer.updated", {"customer_id": "c1", "email": 5, "updated_at": instant(ago())}),
        entry("order.placed", {"order": {"order_id": "bad", "currency": "EUR"}}),
        entry("order.placed", {"order": {"order_id": "worse", "total": 1.5, "lines": [], "currency": "EUR"}}),
        entry("survey.requested", {"customer_id": "c1"}),
        entry("customer.erased", {"customer_id": "c1", "at": "yesterday"}),
    ]
    await world.tell(*bad, customer(), order(), points(), *bad, survey())
    assert {one["workflow"]: one["state"] for one in await world.messages()} == {
        "order_confirmation": "sent",
        "points_earned": "sent",
        "survey_invitation": "sent",
    }
    letters = await world.rows("select 1 from outbox where topic = 'comeback.notifications.dead-letter.v1'")
    published = await world.count("comeback.notifications.dead-letter.v1")
    # Those that came twice in one batch are one.
    assert len(bad) <= len(letters) + published <= len(bad) * 2


async def test_the_lists_page_and_filter(world: World) -> None:
    await world.tell(customer("c1"), customer("c2"), *[order(f"o{n}", f"c{n % 2 + 1}") for n in range(7)])
    first = await world.get("messages", limit=3)
    second = await world.get("messages", limit=3, cursor=first["next_cursor"])
    third = await world.get("messages", limit=3, cursor=second["next_cursor"])
    ids = [one["id"] for page in (first, second, third) for one in page["items"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 7
    assert third["next_cursor"] is None
    assert len((await world.get("messages", customer_id="c2"))["items"]) == 3
    assert len((await world.get("messages", order_id="o3"))["items"]) == 1
    assert (await world.get("messages", order_id="unknown"))["items"] == []


async def test_the_post_purchase_call_knows_orders_and_shows_customers_only_their_own(world: World) -> None:
    path = "/v1/notifications/orders/1001/post-purchase"
    async with (
        world.service.client() as key,
        world.service.customer("c1") as own,
        world.service.customer("c2") as other,
    ):
        unknown = await key.get(path)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "order_unknown")
        await world.tell(customer(), order())
        for client in (key, own):
            answer = await client.get(path)
            assert answer.json() == {
                "messages": [{"workflow": "order_confirmation", "channel": "email", "state": "sent"}]
            }
        assert (await other.get(path)).status_code == 404
    async with world.service.client(scopes=frozenset({"loyalty:read"})) as wrong:
        assert (await wrong.get(path)).status_code == 403


async def test_a_shop_sees_nothing_of_another(world: World) -> None:
    await world.tell(customer(), order(), customer(shop="other"), order(shop="other"))
    (mine,) = await world.messages()
    (theirs,) = await world.messages(shop_id="other")
    assert mine["id"] != theirs["id"]
    async with world.service.client("other") as client:
        answer = await client.get(f"/v1/notifications/messages/{mine['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "message_unknown")


async def test_scopes_guard_the_api(world: World) -> None:
    async with world.service.client(scopes=frozenset({"loyalty:read"})) as client:
        assert (await client.get("/v1/notifications/messages")).status_code == 403
    async with world.service.customer("c1") as client:
        assert (await client.get("/v1/notifications/messages")).status_code == 403
    async with world.service.anonymous() as client:
        assert (await client.get("/v1/notifications/messages")).status_code == 401


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_of_orders_contacts_and_points_makes_one_mail_a_key(world: World, seed: int) -> None:
    chance = random.Random(seed)
    customers = [f"c{number}" for number in range(6)]
    entries = [order(f"o{number}", one) for number, one in enumerate(customers)]
    entries += [order(f"o{number}", one, kind="order.paid") for number, one in enumerate(customers)]
    entries += [customer(one, f"{one}@example.com") for one in customers]
    entries += [points(order_id=f"o{n}", customer_id=one, transaction_id=one) for n, one in enumerate(customers)]
    entries *= 3
    chance.shuffle(entries)
    cuts = sorted(chance.sample(range(1, len(entries)), 6))
    parts = [entries[start:end] for start, end in zip([0, *cuts], [*cuts, len(entries)], strict=True)]
    await asyncio.gather(*(world.append(*part) for part in parts))
    await world.caught_up()
    found = await world.messages()
    assert sorted((one["order_id"], one["workflow"]) for one in found) == sorted(
        (f"o{number}", workflow)
        for number in range(len(customers))
        for workflow in ("order_confirmation", "points_earned")
    )
    assert {one["state"] for one in found} == {"sent"}
    assert len(world.files()) == len(found)
