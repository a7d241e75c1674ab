"""Among thousands of customers no call about one of them reads them all, whatever plan PostgreSQL comes to like."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from comeback_contracts.topics import topic_of
from comeback_kit.consumer import Context
from comeback_kit.events import Event
from comeback_kit.timers import DueTimer
from recommendations import attribution, dislikes, feed, followups, journal, order_store, replenishment
from recommendations.app import create_app
from recommendations.consumers import SUBSCRIPTIONS
from recommendations.service_state import state_of
from recommendations.settings import Settings
from tests.service.recommendations.conftest import T0
from tests.service.recommendations.feeding import Shop
from tests.support.apps import Clock, service_app
from tests.support.postgres import TestServer
from tests.support.reads import Reads

_MANY = 3000
_HANDLERS = {one.topic: one.handler for one in SUBSCRIPTIONS}
# Of one order: as many more, each with an answer that was clicked and is put down to, a dislike and a reminder.
_AT = f"'{T0.isoformat()}'::timestamptz"
_FILL = (
    f"""insert into orders select (jsonb_populate_record(o, jsonb_build_object('order_id', 'o' || n, 'customer_id',
          'c' || n, 'seq', n, 'state', o.state || jsonb_build_object('order_id', 'o' || n, 'customer',
          jsonb_build_object('customer_id', 'c' || n))))).*
        from orders o, generate_series(2, {_MANY}) n where order_id = 'o1'""",
    f"update changes set last_seq = {_MANY}",
    f"""insert into products select 'demo', 'p' || n, '{{}}', null, n from generate_series(1, {_MANY}) n""",
    f"""insert into answers select 'demo', 'rec_' || n, 'for_you', 'account', null, null, 'c' || n, '{{A,B}}',
          '{{for_you,for_you}}', {_AT} - n * interval '1 hour' from generate_series(1, {_MANY}) n""",
    f"""insert into interactions select 'demo', 'rec_' || n, 'A', 'clicked', {_AT} - n * interval '1 hour'
        from generate_series(1, {_MANY}) n""",
    f"""insert into attributions select 'demo', 'o' || n, 'A', 'rec_' || n, 'account', null, null, 'clicked', 'for_you',
          1000, 1000, 'EUR', {_AT} - n * interval '1 hour', {_AT} from generate_series(1, {_MANY}) n""",
    f"""insert into dislikes select 'demo', 'c' || n, 'X', 'rated', {_AT} from generate_series(1, {_MANY}) n""",
    f"""insert into reminders select 'demo', 'c' || n, 'A', {_AT}, {_AT} from generate_series(1, {_MANY}) n""",
    f"""insert into aliases select 'demo', 'old' || n, 'c' || n from generate_series(1, {_MANY}) n""",
    f"""insert into erasures select 'demo', sha256(convert_to(n::text, 'UTF8')), {_AT}
        from generate_series(1, {_MANY}) n""",
    f"""insert into timers select 'demo', '{replenishment.KIND}', '["c' || n || '","A"]', {_AT} + interval '1 year',
          {_AT} + interval '1 year', '{{}}' from generate_series(1, {_MANY}) n""",
    "analyze",
)


@pytest.fixture
async def crowd(postgres: TestServer, clock: Clock) -> AsyncIterator[Shop]:
    """A shop with many customers of one order each."""
    async with service_app(
        create_app, Settings, postgres, service="recommendations", clock=clock, roles="api", pool_api=1
    ) as service:
        shop = Shop(service, T0)
        await shop.orders(shop.order("o1", "AB", customer_id="c1"))
        await Reads(service.runtime.db, service.database_url).execute(*_FILL)
        await shop.followed()
        yield shop


@pytest.fixture
async def reads(crowd: Shop) -> Reads:
    """The counters, when the tables are full."""
    return Reads(crowd.service.runtime.db, crowd.service.database_url)


async def test_no_call_about_one_customer_order_or_answer_reads_all_of_them(crowd: Shop, reads: Reads) -> None:
    key, me = crowd.service.client(), crowd.service.customer("c7")
    one = "/v1/recommendations"
    calls = {
        "product": (key, f"{one}/products/A"),
        "order": (key, f"{one}/orders/o7"),
        "thank-you": (key, f"{one}/orders/o7/post-purchase"),
        "own thank-you": (me, f"{one}/orders/o7/post-purchase"),
        "customer": (key, f"{one}/customers/c7"),
        "merged customer": (key, f"{one}/customers/old7?kind=buy_again"),
        "stranger": (key, f"{one}/customers/nobody"),
        "replenishment": (key, f"{one}/customers/c7/replenishment"),
        "me": (me, f"{one}/me"),
        "placements": (key, f"{one}/placements"),
        "rules": (key, f"{one}/rules"),
        "back-tests": (key, f"{one}/backtests"),
    }
    for name, (client, path) in calls.items():
        await reads.judge(name, partial(_get, client, path))
    basket = {"product_ids": ["A"], "customer_id": "c7"}
    hour = f"{one}/reports/attribution?since=2026-11-01T11:30:00Z&until=2026-11-01T13:00:00Z"
    await reads.judge("report", partial(_get, key, hour), but=["interactions"])  # too few for its index
    await reads.judge("basket", lambda _: _ok(key.post(f"{one}/basket", json=basket)))
    await reads.judge("shown", lambda n: _ok(key.post(f"{one}/events", json=_shown(f"rec_{n + 7}"))))
    await reads.judge("shown to me", lambda _: _ok(me.post(f"{one}/me/events", json=_shown("rec_7"))))
    assert reads.excess == {}


async def test_no_batch_of_few_reads_the_rows_of_all(crowd: Shop, reads: Reads) -> None:
    now = crowd.service.runtime.clock()
    context = Context(now, crowd.service.runtime)
    batches: dict[str, Callable[[int], list[Event]]] = {
        "new orders": lambda n: [_order(crowd, f"new{n}-{each}", f"c{n * 9 + each + 2}") for each in range(3)],
        "changed orders": lambda n: [_order(crowd, f"o{n + 2}", f"c{n + 2}", payment_state="refunded")],
        "products": lambda n: [crowd.event("product.upserted", {"product_id": f"p{n + 2}", "title": "Tea"})],
        "ratings": lambda n: [crowd.event("review.published", _review(f"c{n + 2}", 1 + n % 5))],
        "merged": lambda n: [crowd.event("customer.merged", {"from": f"c{n + 50}", "into": f"c{n + 90}"})],
        "erased": lambda n: [crowd.event("customer.erased", {"customer_id": f"c{n + 150}"})],
    }
    for name, events in batches.items():
        await reads.batch(name, _handling(events, context))
    assert reads.excess == {}


async def test_what_follows_from_few_changes_reads_the_rows_of_no_others(crowd: Shop, reads: Reads) -> None:
    runtime, now = crowd.service.runtime, crowd.service.runtime.clock()
    memory = await state_of(runtime).shops.get("demo")

    async def follow(tx: Any, number: int) -> None:
        orders = await order_store.changed_since(tx, "demo", _MANY - 9 * number - 9, 5)
        assert len(orders) == 5
        await dislikes.from_refunds(tx, "demo", orders)
        await replenishment.plan(tx, memory, orders, now)
        await attribution.attribute(tx, "demo", orders)

    due = [DueTimer("demo", replenishment.KIND, "[]", now, {"customer_id": "c7", "product_id": "A", "last": 0}, 0)]
    await reads.batch("followed", follow)
    await reads.batch("changes", lambda tx, _: feed.since(tx, {"demo": _MANY - 20}, 100))
    await reads.judge("behind", lambda _: followups.behind(runtime))
    await reads.batch("timer", lambda tx, _: replenishment.remind(tx, due, Context(now, runtime)))
    await reads.batch("nothing to prune", lambda tx, _: journal.prune(tx, now - journal.KEPT))
    assert reads.excess == {}


async def test_old_answers_go_in_small_parts_with_what_became_of_their_items(crowd: Shop, reads: Reads) -> None:
    db, later = crowd.service.runtime.db, T0 + journal.KEPT
    left = "select (select count(*) from answers) as answers, (select count(*) from interactions) as interactions"
    # 500 at a time, each read to be found, to be deleted, and once more with its interaction.
    await reads.batch("prune", lambda tx, _: journal.prune(tx, later - timedelta(hours=_MANY // 2)), most=1000)
    assert reads.excess == {}
    async with db.work() as tx:
        assert tuple(*await tx.fetch(left)) == (_MANY // 2, _MANY // 2)
        assert not await journal.prune(tx, later - timedelta(hours=_MANY // 2))
        assert await journal.prune(tx, later)


def _order(shop: Shop, order_id: str, customer_id: str, **more: Any) -> Event:
    order = shop.order(order_id, "AB", customer_id=customer_id, **more)
    return shop.event("order.paid", {"order": {**order, "updated_at": shop.later(hours=1).isoformat()}})


def _review(customer_id: str, stars: int) -> dict[str, Any]:
    return {"review_id": "r", "customer_id": customer_id, "product_id": "X", "rating": stars}


def _shown(rec_id: str) -> dict[str, Any]:
    return {"rec_id": rec_id, "kind": "shown", "product_ids": ["A"]}


def _handling(events: Callable[[int], list[Event]], context: Context) -> Callable[[Any, int], Awaitable[None]]:
    async def handle(tx: Any, number: int) -> None:
        batch = events(number)
        await _HANDLERS[topic_of(batch[0].type)](tx, batch, context)

    return handle


async def _get(client: httpx.AsyncClient, path: str, _: int) -> None:
    await _ok(client.get(path))


async def _ok(answer: Any) -> None:
    got: httpx.Response = await answer
    assert got.is_success, got.text
