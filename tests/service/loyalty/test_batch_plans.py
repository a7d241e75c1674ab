"""Among thousands of members no batch of a few events, and no timer of a few, reads the rows of all."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest_asyncio

from comeback_kit.consumer import Context
from comeback_kit.events import Event
from comeback_kit.timers import DueTimer
from loyalty import due_work
from loyalty.redemption import HOLD_TIMER
from loyalty.redemption_timer import holds_expired
from tests.service.loyalty.test_plans import crowd
from tests.service.loyalty.world import HANDLERS, World, event, instant
from tests.support.reads import Reads

__all__ = ["crowd"]
_TOPICS = {"order": "orders", "customer": "customers", "activity": "activity"}
_HUNDREDS = 250
_MORE = (
    """insert into profiles select (jsonb_populate_record(p, jsonb_build_object('customer_id', 'b' || n,
         'birthday', (date '1980-01-01' + n % 365)::text, 'joined', (date '2020-01-01' + n % 365)::text))).*
       from profiles p, generate_series(1, 3000) n where customer_id = 'c7'""",
    """insert into audit (shop_id, at, actor, action, target, detail)
       select 'demo', now(), 'test', 'points.adjusted', 'b' || n, '{"points": 1, "reason": "r"}'
       from generate_series(1, 3000) n""",
    "analyze profiles, audit",
)


@pytest_asyncio.fixture(loop_scope="session")
async def reads(crowd: World) -> Reads:
    """The counters, when the tables are full."""
    counters = Reads(crowd.service.runtime.db, crowd.service.database_url)
    await counters.execute(*_MORE)
    return counters


async def test_no_batch_of_few_reads_the_rows_of_all(crowd: World, reads: Reads) -> None:
    at, codes = instant(crowd.now), [await _hold(crowd, f"c{n + 80}") for n in range(7)]
    for n in range(7):  # what is to be blanked of those who are erased
        await crowd.adjust(5, f"c{n + 250}")
        await crowd.post(f"members/c{n + 250}/transfers", {"to": f"c{n + 270}", "points": 5})
    batches: dict[str, Callable[[int], list[Event]]] = {
        "new orders": lambda n: [crowd.order_event(f"new{n}-{each}", customer=f"c{n * 9 + each}") for each in range(3)],
        "strangers": lambda n: [crowd.order_event(f"strange{n}", customer=f"stranger{n}")],
        "refunds": lambda n: [crowd.refund_event(f"o{n + 20}", 5_000)],
        "refunds first": lambda n: [crowd.refund_event(f"later{n}", 5_000)],
        "another customer": lambda n: [_moved(crowd, f"o{n + 40}", f"c{n + 60}")],
        "held code": lambda n: [_with_code(crowd, f"coded{n}", f"c{n + 80}", codes[n])],
        "profiles": lambda n: [_customer(crowd, "updated", {"customer_id": f"c{n + 2}", "birthday": "1990-03-11"})],
        "activity": lambda n: [_activity(crowd, f"a{n}", f"c{n + 2}")],
        "merged": lambda n: [_customer(crowd, "merged", {"from": f"c{n + 150}", "into": f"c{n + 190}", "at": at})],
        "erased": lambda n: [_customer(crowd, "erased", {"customer_id": f"c{n + 250}", "at": at})],
    }
    context = Context(crowd.now, crowd.service.runtime)
    for name, events in batches.items():
        await reads.batch(name, _handling(events, context))
    assert {name: set(tables) for name, tables in reads.excess.items()} == {}


async def test_a_batch_of_hundreds_reads_their_rows_alone(crowd: World, reads: Reads) -> None:
    """Where a table has ten times the rows, PostgreSQL would rather read all of it: to it every page is on a disk."""

    def orders(n: int) -> list[Event]:
        return [crowd.order_event(f"many{n}-{each}", customer=f"c{each * 9}") for each in range(_HUNDREDS)]

    context = Context(crowd.now, crowd.service.runtime)
    await reads.batch("orders", _handling(orders, context), most=6 * _HUNDREDS)
    assert reads.excess == {}


async def test_no_timer_of_few_reads_the_rows_of_all(crowd: World, reads: Reads) -> None:
    context = Context(crowd.now, crowd.service.runtime)
    held = [DueTimer("demo", HOLD_TIMER, "r9", crowd.now, {}, 0)]
    await reads.batch("hold", lambda tx, _: holds_expired(tx, held, context))
    await reads.judge("nothing due", lambda _: due_work.run_once(crowd.service.runtime, 500))
    await reads.execute("update members set due_at = '2026-03-10 11:00Z' where customer_id in ('c5', 'c6')")
    await reads.judge("due", lambda _: due_work.run_once(crowd.service.runtime, 500))
    assert reads.excess == {}


async def _hold(crowd: World, customer_id: str) -> str:
    rewards = (await crowd.client.get("/v1/loyalty/rewards")).json()["items"]
    body = {"reward_id": rewards[0]["reward_id"]}
    held = await crowd.client.post(f"/v1/loyalty/members/{customer_id}/redemptions", json=body)
    return str(held.json()["code"])


def _moved(crowd: World, order_id: str, customer_id: str) -> Event:
    return crowd.order_event(order_id, customer=customer_id, at=crowd.now + timedelta(seconds=1))


def _with_code(crowd: World, order_id: str, customer_id: str, code: str) -> Event:
    discounts = [{"code": code, "kind": "order", "amount": 500}]
    return crowd.order_event(order_id, customer=customer_id, discounts=discounts)


def _customer(crowd: World, kind: str, data: dict[str, Any]) -> Event:
    return event(
        f"customer.{kind}", {**data, "updated_at": instant(crowd.now)} if kind == "updated" else data, at=crowd.now
    )


def _activity(crowd: World, activity_id: str, customer_id: str) -> Event:
    data = {"activity_id": activity_id, "customer_id": customer_id, "kind": "review", "at": instant(crowd.now)}
    return event("activity.recorded", data, at=crowd.now)


def _handling(events: Callable[[int], list[Event]], context: Context) -> Callable[[Any, int], Awaitable[None]]:
    async def handle(tx: Any, number: int) -> None:
        batch = events(number)
        await HANDLERS[_TOPICS[batch[0].type.split(".")[0]]](tx, batch, context)

    return handle
