"""From the start of an order's POST until it is in the answers, at 20 orders a second, on both logs.

Every order holds a pair of products that nobody bought before, so it is in the answer when one leads to the other.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import uvloop

from benchmarks.servers import running_broker
from tests.support.comeback import FIRST_SHOP, SHOP_KEY, new_comeback, with_kafka

RATE = 20
SECONDS = 10
_POLL_SECONDS = 0.01
_GIVE_UP_SECONDS = 15.0


def measure() -> dict[str, tuple[float, float]]:
    """p50 and p99 in milliseconds, by log."""
    found = {"table log": _log(FIRST_SHOP)}
    with running_broker() as broker:
        found["Kafka"] = _log(with_kafka(broker.url))
    return found


def _log(environment: Mapping[str, str]) -> tuple[float, float]:
    with new_comeback(environment) as comeback, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        comeback.start()
        runner.run(_post_at_rate(comeback.base_url, "warm", 2))
        waits = sorted(runner.run(_post_at_rate(comeback.base_url, "o", SECONDS)))
    p50, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] * 1000 for share in (0.5, 0.99))
    return p50, p99


async def _post_at_rate(base_url: str, prefix: str, seconds: int) -> list[float]:
    headers = {"authorization": f"Bearer {SHOP_KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:
        tasks, first = [], time.perf_counter()
        for number in range(RATE * seconds):
            await asyncio.sleep(max(0.0, first + number / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(_until_answered(client, f"{prefix}{number}")))
        return await asyncio.gather(*tasks)


async def _until_answered(client: httpx.AsyncClient, name: str) -> float:
    event = {"id": name, "type": "order.paid", "occurred_at": datetime.now(UTC).isoformat(), "data": _order(name)}
    started = time.perf_counter()
    answer = await client.post("/v1/events", json=event)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    while time.perf_counter() - started < _GIVE_UP_SECONDS:
        found = await client.get(f"/v1/recommendations/products/{name}-a", params={"backfill": False})
        if any(item["product_id"] == f"{name}-b" for item in found.json()["items"]):
            return time.perf_counter() - started
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"{name} was not in the answer after {_GIVE_UP_SECONDS:g} s")


def _order(name: str) -> dict[str, object]:
    at = datetime.now(UTC).isoformat()
    lines = [
        {"line_id": part, "product_id": f"{name}-{part}", "quantity": 1, "unit_price": 1000, "total": 1000}
        for part in "ab"
    ]
    order = {
        "order_id": name,
        "payment_state": "paid",
        "currency": "EUR",
        "lines": lines,
        "total": 2000,
        "placed_at": at,
        "updated_at": at,
    }
    return {"order": order}
