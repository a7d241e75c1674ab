"""Who is invited to what, from the events of orders."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from comeback_kit.consumer import Context
from feedback.orders import take_orders
from tests.service.feedback.world import PUBLIC, World, delivered, event, instant, order

ASKED, PLANNED = ("asked", None), ("planned", None)
EVERY_ORDER = {"questions": [{"id": "nps", "type": "nps", "text": "How likely?"}], "recontact_period": "P0D"}


def named(name: str = "Test", **parts: Any) -> dict[str, Any]:
    return {"name": name, **EVERY_ORDER, **parts}


async def test_a_delivered_order_is_asked_about_at_once(world: World) -> None:
    await world.take(order(at=world.now))
    assert await world.invitations() == {("1001", "nps"): PLANNED}
    assert await world.requested() == []
    world.later(days=2)
    await world.take(delivered(at=world.now))
    assert await world.invitations() == {("1001", "nps"): ASKED}
    (asked,) = await world.requested()
    assert (asked["customer_id"], asked["order_id"], asked["survey_id"]) == ("c1", "1001", "nps")
    assert asked["question"] == "How likely are you to recommend Röstwerk to a friend or colleague?"
    assert asked["at"] == instant(world.now)
    assert asked["url"] == PUBLIC + await world.link()
    (published,) = await world.events("survey.requested")
    assert (published.subject, published.source, published.shopid) == ("c1", "comeback/feedback", "demo")


async def test_the_link_is_the_same_before_and_after_the_delivery(world: World) -> None:
    await world.take(order(at=world.now))
    before = await world.link()
    await world.take(delivered(at=world.later(hours=1)))
    assert await world.link() == before == await world.link()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "cancelled", "cancelled_at": "2026-03-10T11:00:00Z"}, "cancelled"),
        ({"is_test": True}, "test"),
        ({"payment_state": "refunded"}, "refunded"),
        ({"refunds": [{"refund_id": "r1", "at": "2026-03-10T11:00:00Z", "amount": 2000, "lines": []}]}, "refunded"),
        ({"delivered_at": "2026-03-08T11:59:59Z"}, "too_old"),
        ({"delivered_at": "2025-03-10T12:00:00Z"}, "too_old"),
    ],
)
async def test_an_order_that_is_not_to_be_asked_about(world: World, changes: dict[str, Any], reason: str) -> None:
    await world.take(delivered(at=world.now, **changes))
    assert await world.invitations() == {("1001", "nps"): ("skipped", reason)}
    assert await world.requested() == []
    assert await world.get("orders/1001/post-purchase") == {"survey": None}


async def test_a_part_refunded_order_is_asked_about(world: World) -> None:
    refund = {"refund_id": "r1", "at": instant(world.now), "amount": 500, "lines": []}
    await world.take(delivered(at=world.now, payment_state="partially_refunded", refunds=[refund]))
    assert await world.invitations() == {("1001", "nps"): ASKED}


async def test_a_year_of_imported_history_asks_nobody(world: World) -> None:
    events = [
        delivered(f"o{day}", f"c{day}", at=world.now - timedelta(days=day), updated_at=instant(world.now))
        for day in range(3, 368, 5)
    ]
    await world.take(*events)
    assert set((await world.invitations()).values()) == {("skipped", "too_old")}
    assert await world.requested() == []


async def test_an_order_that_is_cancelled_and_opened_again_is_asked_about(world: World) -> None:
    await world.take(order(at=world.now, state="cancelled"))
    assert await world.invitations() == {("1001", "nps"): ("skipped", "cancelled")}
    await world.take(delivered(at=world.later(hours=1)))
    assert await world.invitations() == {("1001", "nps"): ASKED}


async def test_a_customer_is_asked_once_in_90_days(world: World) -> None:
    await world.take(delivered("1", at=world.now))
    await world.take(delivered("2", at=world.later(days=1)))
    assert await world.invitations() == {("1", "nps"): ASKED, ("2", "nps"): ("skipped", "throttled")}
    await world.take(delivered("3", at=world.later(days=89) - timedelta(seconds=1)))
    await world.take(delivered("4", at=world.now))
    found = await world.invitations()
    assert (found["3", "nps"], found["4", "nps"]) == (ASKED, ("skipped", "throttled"))
    assert [one["order_id"] for one in await world.requested()] == ["1", "3"]


async def test_c2_another_survey_counts_as_contact(world: World) -> None:
    await world.put_survey(named(trigger={"on": "placed"}), "csat")
    await world.take(order(at=world.now))
    await world.take(delivered(at=world.later(days=2)))
    assert await world.invitations() == {("1001", "csat"): ASKED, ("1001", "nps"): ("skipped", "throttled")}


async def test_c4_a_throttled_invitation_is_never_sent_later(world: World) -> None:
    await world.put_survey(named(recontact_period="P30D"))
    await world.take(delivered("1", at=world.now))
    second = delivered("2", at=world.later(days=10))
    await world.take(second)
    world.later(days=20)
    await world.take(second, delivered("2", at=world.now, number="again"))
    await world.ring()
    assert (await world.invitations())["2", "nps"] == ("skipped", "throttled")
    assert [one["order_id"] for one in await world.requested()] == ["1"]


async def test_c6_a_survey_is_shown_three_times_or_until_it_is_answered(world: World) -> None:
    await world.put_survey(named(repeat={"kind": "times", "times": 3}))
    for number in range(4):
        await world.take(delivered(f"a{number}", "a", at=world.later(hours=1)))
    await world.take(delivered("b1", "b", at=world.later(hours=1)))
    await world.fill_in(await world.link("b1"), {"nps": "9"})
    await world.take(delivered("b2", "b", at=world.later(hours=1)))
    found = {order_id: state for (order_id, _), state in (await world.invitations()).items()}
    answered, repeat = ("answered", None), ("skipped", "repeat")
    assert found == {"a0": ASKED, "a1": ASKED, "a2": ASKED, "a3": repeat, "b1": answered, "b2": repeat}


async def test_c7_new_customers_are_asked_at_their_first_order_only(world: World) -> None:
    await world.put_survey(named(audience={"customers": "new"}, repeat={"kind": "until_answered"}))
    await world.take(delivered("1", at=world.now))
    await world.take(delivered("2", at=world.later(days=1)))
    assert await world.invitations() == {("1", "nps"): ASKED, ("2", "nps"): ("skipped", "audience")}


async def test_returning_customers_are_asked_from_the_second_order_on(world: World) -> None:
    await world.put_survey(named(audience={"customers": "returning"}))
    await world.take(order("0", at=world.now, is_test=True))
    await world.take(delivered("1", at=world.later(hours=1)), delivered("2", at=world.later(days=1)))
    found = await world.invitations()
    assert (found["1", "nps"], found["2", "nps"]) == (("skipped", "audience"), ASKED)


async def test_a_waiting_period_is_waited_for(world: World) -> None:
    await world.put_survey(named(waiting_period="P3D"))
    await world.take(delivered(at=world.now))
    assert await world.invitations() == {("1001", "nps"): ("waiting", None)}
    world.later(days=3, seconds=-1)
    await world.ring()
    assert await world.requested() == []
    world.later(seconds=1)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ASKED}
    assert len(await world.requested()) == 1


@pytest.mark.parametrize(
    ("changes", "reason"), [({"state": "cancelled"}, "cancelled"), ({"payment_state": "refunded"}, "refunded")]
)
async def test_what_happens_while_it_waits_counts(world: World, changes: dict[str, Any], reason: str) -> None:
    await world.put_survey(named(waiting_period="P3D"))
    at = world.now
    await world.take(delivered(at=at))
    await world.take(delivered(at=world.later(days=1), delivered_at=instant(at), **changes))
    world.later(days=3)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ("skipped", reason)}
    assert await world.requested() == []


async def test_a_survey_that_is_switched_off_while_it_waits_is_not_asked(world: World) -> None:
    await world.put_survey(named(waiting_period="P3D"))
    await world.take(delivered(at=world.now))
    await world.put_survey(named(waiting_period="P3D", enabled=False))
    world.later(days=3)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ("skipped", "disabled")}


async def test_a_longer_waiting_period_holds_for_those_that_wait(world: World) -> None:
    await world.put_survey(named(waiting_period="P1D"))
    await world.take(delivered(at=world.now))
    await world.put_survey(named(waiting_period="P2D"))
    world.later(days=1)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ("waiting", None)}
    world.later(days=1)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ASKED}


async def test_after_an_outage_of_days_it_is_too_late_to_ask(world: World) -> None:
    await world.put_survey(named(waiting_period="P1D"))
    await world.take(delivered(at=world.now))
    world.later(days=3, seconds=1)
    await world.ring()
    assert await world.invitations() == {("1001", "nps"): ("skipped", "too_old")}


async def test_two_of_a_customer_that_come_due_together_are_one(world: World) -> None:
    await world.put_survey(named(waiting_period="P1D", recontact_period="P90D"))
    await world.take(delivered("1", at=world.now), delivered("2", at=world.now))
    world.later(days=1)
    await world.ring()
    assert sorted((await world.invitations()).values()) == [ASKED, ("skipped", "throttled")]
    assert len(await world.requested()) == 1


async def test_answering_on_the_thank_you_page_is_the_answer_and_nothing_follows(world: World) -> None:
    await world.take(order(at=world.now))
    await world.fill_in(await world.link(), {"nps": "10"})
    await world.take(delivered(at=world.later(days=2)), delivered("1002", at=world.now))
    assert await world.invitations() == {
        ("1001", "nps"): ("answered", None),
        ("1002", "nps"): ("skipped", "throttled"),
    }
    assert await world.requested() == []
    assert await world.get("orders/1001/post-purchase") == {"survey": None}


async def test_answering_while_it_waits_leaves_nothing_to_ask(world: World) -> None:
    await world.put_survey(named(waiting_period="P1D"))
    await world.take(delivered(at=world.now))
    await world.fill_in(await world.link(), {"nps": "10"})
    world.later(days=1)
    await world.ring()
    assert await world.requested() == []


async def test_an_order_without_a_customer_waits_for_one(world: World) -> None:
    await world.take(delivered(customer=None, at=world.now))
    assert await world.invitations() == {}
    assert await world.get("orders/1001/post-purchase") == {"survey": None}
    await world.take(delivered(at=world.later(minutes=5), delivered_at=instant(world.now)))
    assert await world.invitations() == {("1001", "nps"): ASKED}


async def test_another_customer_of_the_order_is_asked_instead(world: World) -> None:
    await world.take(order(at=world.now))
    await world.take(delivered(customer="c2", at=world.later(days=1)))
    rows = await world.rows("select customer_id, state, reason from invitations order by customer_id")
    assert [tuple(row.values()) for row in rows] == [
        ("c1", "skipped", "customer_changed"),
        ("c2", "asked", None),
    ]
    assert [one["customer_id"] for one in await world.requested()] == ["c2"]


async def test_a_refund_seen_before_its_order_counts(world: World) -> None:
    refund = {"refund_id": "r1", "at": instant(world.now), "amount": 2000, "lines": []}
    alone = {"order_id": "1001", "refunds": [refund], "updated_at": instant(world.now)}
    await world.take(event("order.refunded", {"order": alone}, at=world.now))
    await world.get("orders/1001/post-purchase", expect=404)
    await world.take(delivered(at=world.later(hours=1)))
    assert await world.invitations() == {("1001", "nps"): ("skipped", "refunded")}


async def test_repeated_events_change_nothing(world: World) -> None:
    events = [order(at=world.now), delivered(at=world.later(hours=1))]
    for _ in range(3):
        await world.take(*events)
    await world.take(*reversed(events))
    for one in events:
        await world.take(one)
    assert len(await world.requested()) == 1
    assert len(await world.rows("select 1 from invitations")) == 1


async def test_in_every_order_of_its_events_an_order_ends_alike(world: World) -> None:
    at = world.now
    parts = [
        ("placed", {}),
        ("paid", {"payment_state": "paid", "paid_at": instant(at)}),
        ("fulfilled", {"fulfilment_state": "fulfilled", "fulfilled_at": instant(at)}),
        ("delivered", {"fulfilment_state": "delivered", "delivered_at": instant(at)}),
    ]
    customers = 0
    for sequence in itertools.permutations(range(len(parts))):
        for together in (True, False):
            customers += 1
            name = f"p{customers}"
            events = [
                order(
                    name,
                    name,
                    at=at + timedelta(seconds=place),
                    placed_at=instant(at),
                    kind=f"order.{parts[place][0]}",
                    **parts[place][1],
                )
                for place in sequence
            ]
            if together:
                await world.take(*events)
            else:
                for one in events:
                    await world.take(one)
    found = await world.invitations()
    assert len(found) == customers
    assert set(found.values()) == {ASKED}
    assert len(await world.requested()) == customers


async def test_a_cancellation_wins_in_every_order_of_the_events_of_a_batch(world: World) -> None:
    at = world.now
    for number, sequence in enumerate(itertools.permutations(range(3))):
        name = f"x{number}"
        events = [
            order(name, name, at=at),
            delivered(name, name, at=at + timedelta(seconds=1)),
            delivered(
                name, name, at=at + timedelta(seconds=2), kind="order.cancelled", state="cancelled", delivered_at=None
            ),
        ]
        await world.take(*(events[place] for place in sequence))
    assert set((await world.invitations()).values()) == {("skipped", "cancelled")}
    assert await world.requested() == []


async def test_more_orders_take_no_more_statements(world: World) -> None:
    counts: list[int] = []
    for size in (10, 10, 400):
        events = [delivered(f"{counts}-{number}", f"{counts}-{number % 50}", at=world.now) for number in range(size)]
        seen: list[str] = []
        async with world.service.runtime.db.work() as tx:
            tx.add_query_logger(lambda record, seen=seen: seen.append(record.query))
            await take_orders(tx, events, Context(world.now, world.service.runtime))
        counts.append(len(seen))
    assert counts[1] == counts[2] <= 15
