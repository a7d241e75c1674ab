"""Among thousands of customers no call about one of them reads them all, whatever plan PostgreSQL comes to like."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from comeback_contracts.topics import topic_of
from comeback_kit.consumer import Context
from comeback_kit.log.port import Entry
from comeback_kit.timers import DueTimer, TimerHandler
from notifications import claims, dispatch, keeping
from notifications.app import create_app
from notifications.consumers import SUBSCRIPTIONS, TIMERS
from notifications.service_state import state_of
from notifications.settings import Settings
from notifications.wanted import CONTACT_TIMER, ORDER_TIMER
from tests.service.notifications.world import PUBLIC, ago, customer, entry, event_of, instant, order, points, survey
from tests.support.apps import ServiceUnderTest, service_app
from tests.support.postgres import TestServer
from tests.support.reads import Reads

_MANY = 3000
_HANDLERS = {one.topic: one.handler for one in SUBSCRIPTIONS}
# Of one order, customer and message that handlers made: as many more. The older half of the messages are mails, the
# newer half an imported history, which mails nobody.
_FILL = (
    f"""insert into customers select (jsonb_populate_record(c, jsonb_build_object('customer_id', 'c' || n))).*
        from customers c, generate_series(2, {_MANY}) n where customer_id = 'c1'""",
    f"""insert into orders select (jsonb_populate_record(o, jsonb_build_object(
          'order_id', 'o' || n, 'customer_id', 'c' || n % {_MANY}, 'state', o.state || jsonb_build_object('order_id',
          'o' || n, 'customer', jsonb_build_object('customer_id', 'c' || n % {_MANY}))))).*
        from orders o, generate_series(2, {2 * _MANY}) n where order_id = 'o1'""",
    f"""insert into messages select (jsonb_populate_record(m, jsonb_build_object('id', 'msg_' || lpad(n::text, 26, '0'),
          'order_id', 'o' || n, 'customer_id', 'c' || n % {_MANY}, 'state', case when n <= {_MANY} then 'sent' else
          'skipped' end, 'reason', case when n > {_MANY} then 'too_old' end, 'next_at', null))).*
        from messages m, generate_series(2, {2 * _MANY}) n where order_id = 'o1'""",
    """insert into mails select shop_id, id, 'a@example.com', 'b@example.com', '{}', 'Text', 'Html', created_at
       from messages where state = 'sent'""",
    f"""insert into consents select 'demo', 'c' || n, 'email', 'surveys', 'granted', now(), 'event'
        from generate_series(2, {_MANY}) n""",
    f"""insert into erasures select 'demo', sha256(convert_to(n::text, 'UTF8')), now()
        from generate_series(1, {_MANY}) n""",
    f"""insert into suppressions select 'demo', sha256(convert_to(n::text, 'UTF8')), 'hard_bounce', now()
        from generate_series(1, {_MANY}) n""",
    f"""insert into timers select 'demo', kind, 'msg_' || n, now() + interval '1 day', now() + interval '1 day', '{{}}'
        from generate_series(1, {_MANY}) n, unnest(array['{CONTACT_TIMER}', '{ORDER_TIMER}']) kind""",
    "analyze",
)


@pytest.fixture
async def service(postgres: TestServer, tmp_path: Path) -> AsyncIterator[ServiceUnderTest]:
    """Many customers of two orders and messages each; nothing runs beside the calls."""
    settings: dict[str, Any] = {"mail_dir": tmp_path, "public_url": PUBLIC, "pool_api": 1}
    async with service_app(create_app, Settings, postgres, service="notifications", roles="api", **settings) as running:
        await _take(running, [customer("c1")])
        await _take(running, [order("o1", "c1")])
        yield running


@pytest.fixture
async def reads(service: ServiceUnderTest) -> Reads:
    """The counters, when the tables are full."""
    counters = Reads(service.runtime.db, service.database_url)
    await counters.execute(*_FILL)
    return counters


async def _take(service: ServiceUnderTest, entries: Sequence[Entry]) -> None:
    async with service.runtime.db.work() as tx:
        await _handle(tx, service, entries)


async def _handle(tx: Any, service: ServiceUnderTest, entries: Sequence[Entry]) -> None:
    events = [event_of(one) for one in entries]
    await _HANDLERS[topic_of(events[0].type)](tx, events, Context(service.runtime.clock(), service.runtime))


async def test_no_call_about_one_customer_order_or_message_reads_all_of_them(
    service: ServiceUnderTest, reads: Reads
) -> None:
    key, me = service.client(), service.customer("c7")
    one = "/v1/notifications"
    message = (await key.get(f"{one}/messages?customer_id=c7")).json()["items"][0]["id"]
    cursor = (await key.get(f"{one}/messages?limit=20")).json()["next_cursor"]
    hosted = (await key.get(f"{one}/customers/c7/preferences")).json()["url"].removeprefix(PUBLIC)
    calls = {
        "messages": (key, f"{one}/messages"),
        "next messages": (key, f"{one}/messages?cursor={cursor}"),
        "of a customer": (key, f"{one}/messages?customer_id=c7"),
        "of nobody": (key, f"{one}/messages?customer_id=nobody"),
        "of an order": (key, f"{one}/messages?order_id=o7"),
        "of both": (key, f"{one}/messages?order_id=o7&customer_id=c7"),
        "message": (key, f"{one}/messages/{message}"),
        "thank-you": (key, f"{one}/orders/o7/post-purchase"),
        "own thank-you": (me, f"{one}/orders/o7/post-purchase"),
        "preferences": (key, f"{one}/customers/c7/preferences"),
        "page": (service.anonymous(), hosted),
        "mailbox": (key, "/mailbox"),
        "unsent": (key, "/mailbox?show=unsent"),
        "mail": (key, f"/mailbox/{message}"),
    }
    for name, (client, path) in calls.items():
        await reads.judge(name, partial(_get, client, path))
    categories = {"categories": {"surveys": False}}
    await reads.judge("choose", lambda _: _ok(key.put(f"{one}/customers/c7/preferences", json=categories)))
    click = {"List-Unsubscribe": "One-Click"}
    await reads.judge("one click", lambda _: _ok(service.anonymous().post(hosted, data=click)))
    await reads.execute("update messages set state = 'sent'", "analyze messages")
    await reads.judge("nothing unsent", lambda _: _ok(key.get("/mailbox?show=unsent")))
    assert reads.excess == {}


async def test_no_batch_or_timer_of_few_reads_the_rows_of_all(service: ServiceUnderTest, reads: Reads) -> None:
    batches: dict[str, Callable[[int], list[Entry]]] = {
        "new orders": lambda n: [order(f"new{n}-{each}", f"c{n * 9 + each}") for each in range(3)],
        "changed orders": lambda n: [order(f"o{n * 9 + 2}", f"c{n * 9 + 2}", kind="order.updated")],
        "order of a stranger": lambda n: [order(f"strange{n}", f"stranger{n}")],
        "address of a stranger": lambda n: [customer(f"stranger{n}", f"{n}@example.com")],
        "points": lambda n: [points(order_id=f"o{n + 2}", customer_id=f"c{n + 2}", transaction_id=f"t{n}")],
        "surveys": lambda n: [survey(f"o{n + 2}", f"c{n + 2}")],
        "consents": lambda n: [entry("customer.consent_changed", _consent(f"c{n + 2}"))],
        "merged": lambda n: [entry("customer.merged", {"from": f"c{n + 50}", "into": f"c{n + 90}", "at": _now()})],
        "erased": lambda n: [entry("customer.erased", {"customer_id": f"c{n + 150}", "at": _now()})],
    }
    for name, entries in batches.items():
        await reads.batch(name, _handling(service, entries))
    for kind, handler in TIMERS.items():
        await reads.batch(kind, _ringing(service, kind, handler))
    assert reads.excess == {}


async def test_sending_and_keeping_of_few_mails_read_the_rows_of_no_others(
    service: ServiceUnderTest, reads: Reads
) -> None:
    secrets, now = state_of(service.runtime).secrets, service.runtime.clock()
    lease = timedelta(seconds=15)
    await reads.batch("claim", lambda tx, _: claims.claim(tx, secrets, owner="me", most=8, lease=lease, now=now))
    await reads.batch("renew", lambda tx, _: claims.renew(tx, [("demo", f"msg_{9:026}")], owner="me", until=now))
    await reads.batch("release", lambda tx, _: claims.release(tx, owner="me", now=now))
    await reads.judge("caught up", lambda _: dispatch.not_handed_over(service.runtime))
    await reads.execute("update mails set message_id = 'new' || message_id")
    await reads.judge("old mails", lambda _: keeping.remove_old_mails(service.runtime))
    assert reads.excess == {}


def _handling(
    service: ServiceUnderTest, entries: Callable[[int], list[Entry]]
) -> Callable[[Any, int], Awaitable[None]]:
    return lambda tx, number: _handle(tx, service, entries(number))


def _ringing(service: ServiceUnderTest, kind: str, handler: TimerHandler) -> Callable[[Any, int], Awaitable[None]]:
    now = service.runtime.clock()
    due = [DueTimer("demo", kind, f"msg_{9:026}", now, {}, 0)]
    return lambda tx, _: handler(tx, due, Context(now, service.runtime))


async def _get(client: httpx.AsyncClient, path: str, _: int) -> None:
    await _ok(client.get(path))


async def _ok(answer: Any) -> None:
    got: httpx.Response = await answer
    assert got.is_success or got.is_redirect, got.text


def _consent(customer_id: str) -> dict[str, Any]:
    return {"customer_id": customer_id, "channel": "email", "purpose": "surveys", "state": "withdrawn", "at": _now()}


def _now() -> str:
    return instant(ago())
