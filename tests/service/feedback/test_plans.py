"""Among thousands of customers no call about one of them reads them all, whatever plan PostgreSQL comes to like."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest

from comeback_contracts.topics import topic_of
from comeback_kit.consumer import Context
from comeback_kit.events import Event
from comeback_kit.timers import DueTimer
from feedback.asking import ASK
from feedback.consumers import SUBSCRIPTIONS, TIMERS
from tests.service.feedback.world import World, customer, delivered, instant, order, world
from tests.support.postgres import TestServer
from tests.support.reads import Reads

_MANY = 3000
_HANDLERS = {one.topic: one.handler for one in SUBSCRIPTIONS}
_AT = "'2026-03-10 10:00Z'::timestamptz - n * interval '1 minute'"
# Of one answered order of one customer: as many more. Every third customer has a second response, to another survey.
_FILL = (
    f"""insert into customers select (jsonb_populate_record(c, jsonb_build_object('customer_id', 'c' || n,
          'contacted_at', null))).*
        from customers c, generate_series(2, {_MANY}) n where customer_id = 'c1'""",
    f"""insert into orders select (jsonb_populate_record(o, jsonb_build_object('order_id', 'o' || n, 'customer_id',
          'c' || n, 'state', o.state || jsonb_build_object('order_id', 'o' || n, 'customer',
          jsonb_build_object('customer_id', 'c' || n))))).*
        from orders o, generate_series(2, {_MANY}) n where order_id = 'o1'""",
    f"""insert into invitations select (jsonb_populate_record(i, jsonb_build_object('invitation_id', 'inv_' || n,
          'order_id', 'o' || n, 'customer_id', 'c' || n))).*
        from invitations i, generate_series(2, {_MANY}) n where order_id = 'o1'""",
    f"""insert into responses select (jsonb_populate_record(r, jsonb_build_object('response_id', 'rsp_' || n,
          'invitation_id', 'inv_' || n, 'order_id', 'o' || n, 'customer_id', 'c' || n, 'answered_at', {_AT}))).*
        from responses r, generate_series(2, {_MANY}) n where order_id = 'o1'""",
    f"""insert into responses select (jsonb_populate_record(r, jsonb_build_object('response_id', 'other_' || n,
          'survey_id', 'other', 'finished', n % 30 > 0, 'invitation_id', null, 'order_id', 'x' || n,
          'customer_id', 'c' || n, 'answered_at', {_AT}))).*
        from responses r, generate_series(3, {_MANY}, 3) n where order_id = 'o1'""",
    f"""insert into ratings select (jsonb_populate_record(r, jsonb_build_object('response_id', 'rsp_' || n,
          'at', {_AT}))).*
        from ratings r, generate_series(2, {_MANY}) n""",
    f"""insert into erasures select 'demo', sha256(convert_to(n::text, 'UTF8')), now()
        from generate_series(1, {_MANY}) n""",
    f"""insert into timers select 'demo', '{ASK}', 'inv_' || n, '2030-01-01Z', '2030-01-01Z', '{{}}'
        from generate_series(1, {_MANY}) n""",
    "analyze",
)


@pytest.fixture
async def crowd(postgres: TestServer) -> AsyncIterator[World]:
    """The service with many customers, each of whom answered about an order; one can still be asked."""
    async with world(postgres, pool_api=1) as running:
        await running.take(delivered("o1", "c1", at=running.now))
        await running.fill_in(await running.link("o1"), {"nps": "9"})
        await Reads(running.service.runtime.db, running.service.database_url).execute(*_FILL)
        await running.take(*[order(f"open{n}", f"open{n}", at=running.now) for n in range(20)])
        yield running


@pytest.fixture
async def reads(crowd: World) -> Reads:
    """The counters, when the tables are full."""
    return Reads(crowd.service.runtime.db, crowd.service.database_url)


async def test_no_call_about_one_customer_order_or_response_reads_all_of_them(crowd: World, reads: Reads) -> None:
    key, me = crowd.client, crowd.service.customer("c7")
    one = "/v1/feedback"
    cursor = (await key.get(f"{one}/responses")).json()["next_cursor"]
    calls = {
        "responses": f"{one}/responses",
        "next responses": f"{one}/responses?cursor={cursor}",
        "of a customer": f"{one}/responses?customer_id=c7",
        "of a customer, next": f"{one}/responses?customer_id=c9&cursor={cursor}",
        "of nobody": f"{one}/responses?customer_id=nobody",
        "of an order": f"{one}/responses?order_id=o2999",
        "of no order": f"{one}/responses?order_id=nothing",
        "of no survey": f"{one}/responses?survey_id=none",
        "finished": f"{one}/responses?finished=true",
        "unfinished": f"{one}/responses?finished=false",
        "unfinished of a survey": f"{one}/responses?finished=false&survey_id=nps",
        "of both": f"{one}/responses?order_id=o7&customer_id=c7",
        "survey": f"{one}/surveys/nps",
        "thank-you": f"{one}/orders/open7/post-purchase",
        "thank-you again": f"{one}/orders/o7/post-purchase",
    }
    for name, path in calls.items():
        await reads.judge(name, partial(_get, key, path))
    await reads.judge("own thank-you", lambda _: _ok(me.get(f"{one}/orders/o7/post-purchase")))
    assert reads.excess == {}


async def test_no_page_of_one_survey_reads_the_answers_of_all(crowd: World, reads: Reads) -> None:
    links = [await crowd.link(f"open{n}") for n in range(20)]
    await reads.judge("show", lambda n: _ok(crowd.visitor.get(links[n])))
    await reads.judge("a part", lambda n: _ok(_answer(crowd, links[n], {"nps": 3}, finished=False)))
    await reads.judge("the rest", lambda n: _ok(_answer(crowd, links[n], {"nps": 3})))
    await reads.judge("at once", lambda n: _ok(_answer(crowd, links[n + 10], {"nps": 9})))
    assert reads.excess == {}


async def test_a_score_of_a_short_time_reads_no_other_answers(crowd: World, reads: Reads) -> None:
    day = "from=2026-03-10T09:00:00Z&to=2026-03-10T09:30:00Z"
    for name, query in {"all surveys": day, "one survey": f"{day}&survey_id=nps"}.items():
        await reads.judge(name, partial(_get, crowd.client, f"/v1/feedback/scores?metric=nps&{query}"))
    assert reads.excess == {}


async def test_no_batch_or_timer_of_few_reads_the_rows_of_all(crowd: World, reads: Reads) -> None:
    at, noon = crowd.now, instant(crowd.now)
    context = Context(at, crowd.service.runtime)
    batches: dict[str, Callable[[int], list[Event]]] = {
        "new orders": lambda n: [order(f"new{n}-{each}", f"c{n * 9 + each}", at=at) for each in range(3)],
        "changed orders": lambda n: [order(f"o{n * 9 + 2}", f"c{n * 9 + 2}", at=at, kind="order.updated")],
        "asked": lambda n: [delivered(f"open{n}", f"open{n}", at=at)],
        "strangers": lambda n: [delivered(f"strange{n}", f"stranger{n}", at=at)],
        "language": lambda n: [customer("updated", {"customer_id": f"c{n + 2}", "locale": "de"}, at=at)],
        "merged": lambda n: [
            customer("merged", {"from": f"c{n + 50}", "into": f"c{n + 90}", "at": instant(at)}, at=at)
        ],
        "erased": lambda n: [customer("erased", {"customer_id": f"c{n + 150}", "at": noon}, at=at)],
    }
    for name, events in batches.items():
        await reads.batch(name, _handling(events, context))
    due = [DueTimer("demo", ASK, "inv_9", at, {}, 0)]
    await reads.batch("timer", lambda tx, _: TIMERS[ASK](tx, due, context))
    assert reads.excess == {}


def _handling(events: Callable[[int], list[Event]], context: Context) -> Callable[[Any, int], Awaitable[None]]:
    async def handle(tx: Any, number: int) -> None:
        batch = events(number)
        await _HANDLERS[topic_of(batch[0].type)](tx, batch, context)

    return handle


def _answer(crowd: World, link: str, answers: dict[str, Any], *, finished: bool = True) -> Any:
    return crowd.json().post(link, json={"answers": answers, "finished": finished})


async def _get(client: httpx.AsyncClient, path: str, _: int) -> None:
    await _ok(client.get(path))


async def _ok(answer: Any) -> None:
    got: httpx.Response = await answer
    assert got.is_success, got.text
