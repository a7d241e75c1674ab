"""``make demo`` = ``python -m allinone.demo``: fill the running Comeback with a believable shop."""

import argparse
import asyncio
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from allinone.data_dir import DataDir
from allinone.demo.answers import answer_surveys
from allinone.demo.catalog import products
from allinone.demo.people import customers
from allinone.demo.posting import Api, DemoFailed, post_all
from allinone.demo.year import DAYS, Year
from allinone.settings import Settings


async def fill(api: Api, *, people: int, seed: int, currency: str, now: datetime, answers: int) -> int:
    """Post the shop: catalog, customers, a year of orders, answers. Answers how many events were posted."""
    rng = random.Random(seed)  # noqa: S311  # a believable shop, not a secret
    start = now - timedelta(days=DAYS)
    catalog = products()
    crowd = customers(people, rng, start, DAYS)
    year = [
        event for event in Year(rng, catalog, crowd, currency, now).events() if event["occurred_at"] < now.isoformat()
    ]
    goods = [
        _event(f"demo-{p.product_id}", "product.upserted", start, p.data(currency, start.isoformat())) for p in catalog
    ]
    registered = [_event(f"demo-{c.customer_id}", "customer.registered", c.since, c.data()) for c in crowd]
    await post_all(api, "catalog", goods)
    await post_all(api, "customers", registered)
    await post_all(api, "orders", year)
    await _caught_up(api)
    await answer_surveys(api, [event["data"]["order"]["order_id"] for event in year[-4 * answers :]], answers, rng)
    return len(goods) + len(registered) + len(year)


def _event(event_id: str, kind: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": event_id, "type": kind, "occurred_at": at.isoformat(), "data": data}


async def _caught_up(api: Api, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status, _ = await api.get("/readyz?caught_up=true")
        if status == 200:
            return
        await asyncio.sleep(0.2)
    raise DemoFailed("the services did not catch up in two minutes; look at /readyz?caught_up=true")


async def _run(given: argparse.Namespace, settings: Settings) -> None:
    started = time.monotonic()
    key = given.key or DataDir(settings.data_dir).kept_shop_key(settings)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        posted = await fill(
            Api(session, given.url or settings.address, key),
            people=given.customers,
            seed=given.seed,
            currency=settings.shop_currency,
            now=datetime.now(UTC),
            answers=given.answers,
        )
    print(f"{posted:,} events in {time.monotonic() - started:.0f} s")
    print(f"Look at {settings.base_url}/mailbox and {settings.base_url}/docs")


def main() -> int:
    """Exit code 1 when Comeback does not answer or refuses."""
    parser = argparse.ArgumentParser(prog="python -m allinone.demo", description=__doc__)
    parser.add_argument(
        "--customers", type=int, default=2500, help="how many customers (default 2500: about 32,000 events)"
    )
    parser.add_argument("--answers", type=int, default=200, help="how many survey answers (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same shop (default 1)")
    parser.add_argument("--url", help="where Comeback is (default: COMEBACK_HOST and COMEBACK_PORT)")
    parser.add_argument(
        "--key", default=os.environ.get("COMEBACK_SHOP_KEY"), help="shop key (default: the data folder's)"
    )
    try:
        asyncio.run(_run(parser.parse_args(), Settings()))
    except (DemoFailed, aiohttp.ClientError, FileNotFoundError) as error:
        print(f"The demo stopped: {error}\nIs Comeback running? Start it with: make run", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
