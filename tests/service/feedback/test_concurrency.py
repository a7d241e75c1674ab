"""Batches of several consumers, timers and visitors at the same moment, on real PostgreSQL."""

import asyncio
import random

import asyncpg

from comeback_contracts.topics import CUSTOMERS, ORDERS
from comeback_kit.events import Event
from comeback_kit.failures import Kind, kind_of
from tests.service.feedback.world import World, customer, delivered, instant, order


async def run(world: World, topic: str, events: list[Event]) -> None:
    """One batch as a consumer runs it: again after a failure that passes by itself."""
    while True:
        try:
            return await world.batch(topic, events)
        except asyncpg.PostgresError as error:
            if kind_of(error) is not Kind.TRANSIENT:
                raise


async def test_many_orders_of_one_customer_at_once_are_asked_about_once(world: World) -> None:
    batches = [[delivered(f"{batch}-{number}", "c1", at=world.now) for number in range(5)] for batch in range(8)]
    await asyncio.gather(*(run(world, ORDERS, batch) for batch in batches))
    found = list((await world.invitations()).values())
    assert found.count(("asked", None)) == 1
    assert found.count(("skipped", "throttled")) == 39
    assert len(await world.requested()) == 1


async def test_the_same_events_in_many_batches_at_once_have_their_effect_once(world: World) -> None:
    events = [delivered(f"o{number}", f"c{number}", at=world.now) for number in range(20)]
    shuffled = [random.sample(events, len(events)) for _ in range(6)]
    await asyncio.gather(*(run(world, ORDERS, batch) for batch in shuffled))
    assert len(await world.requested()) == 20
    assert set((await world.invitations()).values()) == {("asked", None)}


async def test_orders_merges_erasures_answers_and_timers_at_once_leave_a_sound_state(world: World) -> None:
    document = {
        "name": "x",
        "questions": [{"id": "nps", "type": "nps", "text": "?"}],
        "waiting_period": "PT1H",
        "recontact_period": "P90D",
    }
    await world.put_survey(document)
    people = [f"c{number}" for number in range(6)]
    await world.take(*(order(f"o{number}", people[number % 6], at=world.now) for number in range(36)))
    links = [await world.link(f"o{number}") for number in range(0, 36, 3)]
    chance = random.Random(7)
    at = world.now
    orders = [delivered(f"o{number}", people[number % 6], at=at) for number in range(36)]
    world.later(hours=1)
    accounts = [
        customer("merged", {"from": "c1", "into": "c0", "at": instant(at)}, at=at),
        customer("merged", {"from": "c3", "into": "c2", "at": instant(at)}, at=at),
        customer("erased", {"customer_id": "c5", "at": instant(world.now)}, at=at),
    ]
    chance.shuffle(orders)
    work = [run(world, ORDERS, orders[start : start + 6]) for start in range(0, 36, 6)]
    work += [run(world, CUSTOMERS, [one]) for one in accounts]

    async def answer(link: str) -> None:
        reply = await world.visitor.post(link, data={"nps": "9"})
        assert reply.status_code in (200, 410), reply.text

    work += [answer(link) for link in links]
    chance.shuffle(work)
    await asyncio.gather(*work)
    await world.ring()
    requested = await world.requested()
    assert len({one["invitation_id"] for one in requested}) == len(requested)
    per_account = await world.rows(
        "select customer_id, count(*) as asked from invitations where state = 'asked' group by customer_id"
    )
    assert {row["asked"] for row in per_account} <= {1}
    rows = await world.rows("select customer_id, state from invitations")
    assert {row["customer_id"] for row in rows} <= {"c0", "c2", "c4"}
    responses = await world.rows("select invitation_id from responses where invitation_id is not null")
    answered = await world.rows("select invitation_id from invitations where state = 'answered'")
    assert {row["invitation_id"] for row in responses} >= {row["invitation_id"] for row in answered}
    assert await world.rows("select 1 from customers where customer_id in ('c5')") == []
