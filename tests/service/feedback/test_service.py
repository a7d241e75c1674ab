"""The whole service with all its roles: events in through the log, events out through the log."""

import msgspec

from comeback_contracts import topics
from comeback_contracts.envelope import encode, make_event
from comeback_kit.events import Event
from comeback_kit.log.port import Entry
from feedback.app import create_app
from feedback.settings import Settings
from tests.service.feedback.world import PUBLIC, START, delivered, order, shop_event
from tests.support.apps import Clock, ServiceUnderTest, service_app
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


def entry(event: Event) -> Entry:
    """An event as it lies on the log."""
    data = msgspec.json.decode(event.data)
    again = make_event(
        id=event.id,
        source=event.source,
        type=event.type,
        time=event.time,
        shop_id=event.shopid,
        subject=event.subject or "",
        data=data,
    )
    return Entry(topics.topic_of(event.type), topics.event_key(event.type, event.shopid, data), encode(again))


async def read_all(service: ServiceUnderTest, topic: str, group: str) -> list[Event]:
    reader = service.log.consumer(group, [topic])
    await reader.start()
    try:
        found: list[Event] = []
        while batch := await reader.poll(1000, 0.3):
            found += [msgspec.json.decode(record.value, type=Event) for record in batch]
        return found
    finally:
        await reader.stop()


async def caught_up(service: ServiceUnderTest) -> None:
    async def probe() -> bool:
        async with service.anonymous() as client:
            return (await client.get("/readyz?caught_up=true")).status_code == 200

    await eventually(probe, within=20)


async def test_an_order_goes_in_and_a_request_and_an_answer_come_out(postgres: TestServer) -> None:
    clock = Clock(START)
    async with service_app(
        create_app, Settings, postgres, service="feedback", clock=clock, public_url=PUBLIC
    ) as service:
        events = [
            entry(shop_event(at=clock.now)),
            entry(order(at=clock.now)),
            entry(delivered(at=clock.now)),
        ]
        await service.log.append([*events, *events[1:]])
        await caught_up(service)
        (asked,) = await read_all(service, topics.FEEDBACK, "first")
        assert asked.type == "survey.requested"
        url = msgspec.json.decode(asked.data)["url"]
        async with service.anonymous() as visitor:
            assert (await visitor.post(url.removeprefix(PUBLIC), data={"nps": "10"})).status_code == 200
        await service.log.append(events)
        await caught_up(service)
        types = [event.type for event in await read_all(service, topics.FEEDBACK, "second")]
        assert types == ["survey.requested", "survey.answered"]
        async with service.client() as client:
            score = (await client.get("/v1/feedback/scores", params={"metric": "nps"})).json()
        assert (score["score"], score["n"]) == (100.0, 1)


async def test_an_event_that_is_none_is_set_aside_and_the_next_one_counts(postgres: TestServer) -> None:
    clock = Clock(START)
    async with service_app(create_app, Settings, postgres, service="feedback", clock=clock) as service:
        good = entry(delivered(at=clock.now))
        bad = Entry(topics.ORDERS, good.key, b'{"specversion": "1.0", "id": 7}')
        headless = entry(order("x", at=clock.now))
        wrong = Entry(topics.ORDERS, good.key, headless.value.replace(b'"total":2000', b'"total":"much"'))
        await service.log.append([bad, wrong, good])
        await caught_up(service)
        assert [one.type for one in await read_all(service, topics.FEEDBACK, "reader")] == ["survey.requested"]
        letters = service.log.consumer("letters", [topics.dead_letter("feedback")])
        await letters.start()
        try:
            assert len(await letters.poll(10, 5)) == 2
        finally:
            await letters.stop()
