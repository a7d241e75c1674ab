"""Contact data, merged customers, consents, erasures."""

from pathlib import Path
from typing import Any

import pytest

from tests.service.notifications.world import World, ago, customer, entry, instant, order, points, shop, survey, world
from tests.support.apps import Clock
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


async def test_the_later_statement_of_a_field_wins_whatever_comes_first(world: World) -> None:
    await world.tell(
        customer(email="new@example.com", at=ago(minutes=1)),
        customer(email="old@example.com", at=ago(days=300), locale="de"),
        order(),
    )
    (message,) = await world.messages()
    assert message["to"] == "new@example.com"
    assert message["subject"].startswith("Ihre Bestellung")


async def test_a_guest_who_becomes_a_customer_keeps_the_message_and_its_address(world: World) -> None:
    await world.tell(order(customer_id="guest:1"))
    await world.tell(entry("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(ago())}))
    (message,) = await world.messages(customer_id="c1")
    assert message["state"] == "waiting"
    await world.tell(customer("guest:1", "guest@example.com"))
    (message,) = await world.messages(customer_id="guest:1")
    assert (message["state"], message["to"], message["customer_id"]) == ("sent", "guest@example.com", "c1")


async def test_late_events_of_a_merged_customer_go_to_the_account_and_make_nothing_twice(world: World) -> None:
    await world.tell(customer("guest:1"), order(customer_id="guest:1"), points(customer_id="guest:1"))
    await world.tell(entry("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(ago())}))
    await world.tell(order(customer_id="guest:1"), points(customer_id="guest:1"), points(customer_id="c1"))
    found = await world.messages(customer_id="c1")
    assert sorted(one["workflow"] for one in found) == ["order_confirmation", "points_earned"]
    assert {one["customer_id"] for one in found} == {"c1"}


async def test_merges_chain_and_circles_end(world: World) -> None:
    def merged(source: str, into: str) -> object:
        return entry("customer.merged", {"from": source, "into": into, "at": instant(ago())})

    await world.tell(order("o1", "a"), order("o2", "b"), order("o3", "c"))
    await world.tell(merged("a", "b"), merged("b", "c"), merged("c", "a"), merged("a", "a"))  # type: ignore[arg-type]
    await world.tell(customer("a"))
    found = await world.messages(customer_id="a")
    assert {one["customer_id"] for one in found} == {"c"}
    assert {one["state"] for one in found} == {"sent"}
    assert len(found) == 3


async def test_many_become_one_at_the_same_moment_with_a_message_each_for_one_occasion(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a", "b", "c", "d"]
    merges = [
        entry("customer.merged", {"from": source, "into": into, "at": instant(ago())})
        for source, into in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "c"))
    ]
    consent = {"channel": "email", "purpose": "surveys", "state": "unsubscribed", "at": instant(ago(days=1))}
    await world.tell(*[entry("customer.consent_changed", {"customer_id": name, **consent}) for name in names])
    await world.tell(order(customer_id="a"), *[points(customer_id=name) for name in names if name != "c"])
    await world.tell(*merges)
    await world.tell(customer("d"))
    assert await world.states(customer_id="a") == {
        "order_confirmation": ("sent", None),
        "points_earned": ("sent", None),
    }
    assert len(await world.messages(customer_id="a")) == 2
    assert "tried again" not in caplog.text  # nor was it got right event by event, after a failure of all together


async def test_two_messages_for_one_occasion_become_one_when_their_customers_do(world: World) -> None:
    await world.tell(customer("c1"), order(), points(customer_id="c1"), points(customer_id="guest:1"))
    assert len(await world.messages(order_id="1001")) == 3
    await world.tell(entry("customer.merged", {"from": "guest:1", "into": "c1", "at": instant(ago())}))
    assert await world.states(order_id="1001") == {
        "order_confirmation": ("sent", None),
        "points_earned": ("sent", None),
    }


@pytest.mark.parametrize(
    ("purpose", "state"), [("marketing", "unsubscribed"), ("feedback", "revoked"), ("*", "denied")]
)
async def test_who_withdrew_consent_gets_no_survey_but_every_receipt(world: World, purpose: str, state: str) -> None:
    consent = {"customer_id": "c1", "channel": "email", "purpose": purpose, "state": state, "at": instant(ago(days=1))}
    await world.tell(customer(), entry("customer.consent_changed", consent), order(), survey())
    states = await world.states()
    assert states["survey_invitation"] == ("skipped", "unsubscribed")
    assert states["order_confirmation"] == ("sent", None)


async def test_an_older_consent_changes_nothing(world: World) -> None:
    def said(state: str, days: int) -> object:
        data = {
            "customer_id": "c1",
            "channel": "email",
            "purpose": "surveys",
            "state": state,
            "at": instant(ago(days=days)),
        }
        return entry("customer.consent_changed", data)

    await world.tell(customer(), said("subscribed", 1), said("unsubscribed", 2), order(), survey())  # type: ignore[arg-type]
    assert (await world.states())["survey_invitation"] == ("sent", None)


async def test_an_erased_person_leaves_nothing_to_read_and_does_not_come_back(world: World) -> None:
    await world.tell(shop(), customer(first_name="Zebedee"), order("o1"), order("o2", "c2"))
    (sent,) = await world.messages(customer_id="c1")
    assert len(world.files()) == 1
    await world.tell(entry("customer.erased", {"customer_id": "c1", "at": instant(ago())}))
    assert not world.files()
    detail = await world.get(f"messages/{sent['id']}")
    assert (detail["state"], detail["mail"], detail["to"]) == ("sent", None, None)
    assert detail["subject"] == sent["subject"]
    # A replay of everything, and an update that was under way.
    await world.tell(customer(first_name="Zebedee", at=ago(hours=1)), order("o1"), order("o3", at=ago(minutes=5)))
    states = {one["order_id"]: (one["state"], one["reason"]) for one in await world.messages(customer_id="c1")}
    assert states == {"o1": ("sent", None), "o3": ("skipped", "erased")}
    for table in ("customers", "messages", "mails", "consents", "orders", "erasures"):
        text = str(await world.rows(f"select * from {table}"))
        assert "ada@example.com" not in text
        assert "Zebedee" not in text


async def test_what_was_noted_on_an_order_is_not_kept(world: World) -> None:
    line = {"line_id": "1", "title": "Ring", "quantity": 1, "unit_price": 100, "total": 100}
    said: dict[str, Any] = {"shipping": 0, "tax": 0, "total": 100, "attributes": {"gift_note": "For Zebedee"}}
    said["lines"] = [{**line, "attributes": {"engraving": "Zebedee"}}]
    await world.tell(customer(), order(**said), order(**said, kind="order.updated"))
    assert await world.states() == {"order_confirmation": ("sent", None)}
    (kept,) = await world.rows("select state::text from orders")
    assert "Ring" in kept["state"]
    assert "Zebedee" not in kept["state"]


async def test_what_an_erased_person_was_told_keeps_its_numbers(world: World) -> None:
    await world.tell(shop(), customer(), order(), points(), survey(url="http://shop.test/f/secret"))
    before = {one["workflow"]: one["subject"] for one in await world.messages()}
    assert "65" in before["points_earned"]
    await world.tell(entry("customer.erased", {"customer_id": "c1", "at": instant(ago())}))
    assert {one["workflow"]: one["subject"] for one in await world.messages()} == before
    assert "secret" not in str(await world.rows("select * from messages"))


async def test_an_erasure_stops_what_waits_and_a_new_registration_is_a_new_person(world: World) -> None:
    await world.tell(order("o1"), entry("customer.erased", {"customer_id": "c1", "at": instant(ago(seconds=-5))}))
    (stopped,) = await world.messages()
    assert (stopped["state"], stopped["reason"]) == ("skipped", "erased")
    await world.tell(customer(at=ago(seconds=-20)), order("o2", at=ago(seconds=-20)))
    assert {one["order_id"]: one["state"] for one in await world.messages()} == {"o1": "skipped", "o2": "sent"}


async def test_what_follows_from_an_erased_persons_order_waits_for_nobody(world: World) -> None:
    await world.tell(entry("customer.erased", {"customer_id": "c1", "at": instant(ago(minutes=1))}))
    await world.tell(order("before", at=ago(minutes=5)), order("after"))
    await world.tell(points(order_id="before"), points(order_id="after", transaction_id="t2"))
    found = {(one["order_id"], one["workflow"]): (one["state"], one["reason"]) for one in await world.messages()}
    assert found == {
        ("before", "order_confirmation"): ("skipped", "erased"),
        ("before", "points_earned"): ("skipped", "erased"),
        ("after", "order_confirmation"): ("waiting", None),
        ("after", "points_earned"): ("waiting", None),
    }


async def test_after_seven_days_without_an_address_the_message_is_given_up(
    postgres: TestServer, tmp_path: Path
) -> None:
    clock = Clock(ago())
    async with world(postgres, tmp_path, clock=clock) as running:
        await running.tell(order())
        clock.now = ago(days=-7, seconds=30)
        running.service.runtime.wake_timers()
        await running.caught_up()
        assert await running.states() == {"order_confirmation": ("waiting", None)}
        clock.now = ago(days=-7, seconds=-30)
        running.service.runtime.wake_timers()

        async def given_up() -> bool:
            return await running.states() == {"order_confirmation": ("skipped", "no_contact")}

        await eventually(given_up)
        await running.tell(customer())
        assert await running.states() == {"order_confirmation": ("skipped", "no_contact")}


async def test_an_order_that_does_not_come_holds_its_points_up_for_an_hour_only(
    postgres: TestServer, tmp_path: Path
) -> None:
    clock = Clock(ago())
    async with world(postgres, tmp_path, clock=clock) as running:
        await running.tell(customer(), points())
        assert (await running.messages())[0]["waiting_for"] == "order"
        clock.now = ago(hours=-1, seconds=-30)
        running.service.runtime.wake_timers()

        async def sent() -> bool:
            return await running.states() == {"points_earned": ("sent", None)}

        await eventually(sent)
