"""From the start of an order's POST until its points can be read, at 50 orders a second, on both logs."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence

import httpx
import uvloop

from benchmarks.loyalty_setup import present
from benchmarks.orders import posted
from benchmarks.report import Result
from benchmarks.servers import running_broker
from tests.support.comeback import FIRST_SHOP, SHOP_KEY, ComebackProcess, new_comeback, with_kafka

RATE = 50
_POLL_SECONDS = 0.008
_GIVE_UP_SECONDS = 15.0
_BARS = {"table": (50.0, 200.0), "kafka": (150.0, 500.0)}
"""Milliseconds: p50 and p99."""


def measure(quick: bool) -> Sequence[Result]:
    """``python -m allinone`` as a newcomer starts it, and with its log on a broker."""
    seconds = 3 if quick else 10
    results = _log("table", FIRST_SHOP, seconds)
    with running_broker() as broker:
        return results + _log("kafka", with_kafka(broker.url), seconds)


def _log(name: str, environment: Mapping[str, str], seconds: int) -> list[Result]:
    with new_comeback(environment) as comeback, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        comeback.start()
        runner.run(_post_at_rate(comeback, "warm", 2))
        waits = sorted(runner.run(_post_at_rate(comeback, "o", seconds)))
    middle, late = (waits[min(len(waits) - 1, int(len(waits) * share))] * 1000 for share in (0.5, 0.99))
    return [
        _result(f"order_to_points_latency_{name}", "p50", middle, _BARS[name][0]),
        _result(f"order_to_points_latency_{name}_p99", "p99", late, _BARS[name][1]),
    ]


def _result(name: str, what: str, value: float, bar: float) -> Result:
    return Result(name, value, f"ms {what}", value / bar, f"limit of {bar:g} ms", most=1)


async def _post_at_rate(comeback: ComebackProcess, prefix: str, seconds: int) -> list[float]:
    headers = {"authorization": f"Bearer {SHOP_KEY}"}
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=comeback.base_url, headers=headers, limits=limits, timeout=30) as client:
        rng, tasks, first = random.Random(3), [], time.perf_counter()
        for number in range(RATE * seconds):
            await asyncio.sleep(max(0.0, first + number / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(_points_of(client, f"{prefix}-{number}", number, rng)))
        return await asyncio.gather(*tasks)


async def _points_of(client: httpx.AsyncClient, customer: str, number: int, rng: random.Random) -> float:
    """Seconds until the order's points are in the answer; every order has a customer of its own."""
    event = posted(number, customer, present(), rng)
    event["id"] = event["data"]["order"]["order_id"] = f"{customer}-order"
    started = time.perf_counter()
    answer = await client.post("/v1/events", json=event)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    while time.perf_counter() - started < _GIVE_UP_SECONDS:
        member = await client.get(f"/v1/loyalty/members/{customer}")
        if member.status_code == httpx.codes.OK and member.json()["balance"] > 0:
            return time.perf_counter() - started
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"no points for {customer} after {_GIVE_UP_SECONDS:g} s")
