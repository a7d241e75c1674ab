"""Back-tests over HTTP and from the command line."""

import asyncio
import json
import os
import random
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from recommendations.backtest import jobs
from tests.service.recommendations.feeding import Shop


async def fill(shop: Shop) -> None:
    rng = random.Random(3)
    orders = []
    for number in range(120):
        pair = rng.randrange(6)
        at = shop.t0 - timedelta(days=60 - number / 2)
        orders.append(shop.order(f"o{number}", [f"a{pair}", f"b{pair}"], customer_id=f"c{number % 9}", at=at))
    await shop.orders(*orders)


async def test_a_job_replays_the_shop_and_shows_a_page(shop: Shop) -> None:
    await fill(shop)
    started = await shop.ask("POST", "backtests", json={"days": 14})
    assert started.status_code == 202
    name = started.json()["backtest_id"]
    assert started.json()["state"] == "queued"
    assert (await shop.ask("GET", f"backtests/{name}/report")).json()["code"] == "backtest_not_ready"
    assert await jobs.run_next(shop.service.runtime)
    assert not await jobs.run_next(shop.service.runtime)
    done = (await shop.ask("GET", f"backtests/{name}")).json()
    assert (done["state"], done["progress"]) == ("done", 1.0)
    found = {one["placement"]: one for one in done["result"]["placements"]}
    assert set(found) == {"product_page", "cart", "post_purchase", "account", "email"}
    assert found["product_page"]["methods"]["recommendations"]["recall"] > 0.9
    assert set(found["cart"]["ahead_of"]) == {"popularity", "personal frequency"}
    page = await shop.ask("GET", f"backtests/{name}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "<svg" in page.text


async def test_a_job_whose_worker_died_is_run_by_another(shop: Shop) -> None:
    await fill(shop)
    name = (await shop.ask("POST", "backtests", json={})).json()["backtest_id"]
    async with shop.service.runtime.db.work() as tx:
        past = shop.service.runtime.clock() - timedelta(seconds=1)
        await tx.execute("update backtests set state = 'running', claimed_until = $1", past)
    assert await jobs.run_next(shop.service.runtime)
    assert (await shop.ask("GET", f"backtests/{name}")).json()["state"] == "done"


async def test_jobs_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    names = [(await shop.ask("POST", "backtests", json={})).json()["backtest_id"] for _ in range(3)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 2, **({} if cursor is None else {"cursor": cursor})}
        answer = (await shop.ask("GET", "backtests", params=params)).json()
        seen += [item["backtest_id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(names)


async def test_jobs_are_each_shops_own_and_checked(shop: Shop) -> None:
    name = (await shop.ask("POST", "backtests", json={})).json()["backtest_id"]
    other = Shop(shop.service, shop.t0, "other")
    assert (await other.ask("GET", f"backtests/{name}")).status_code == 404
    assert (await shop.ask("POST", "backtests", json={"days": 0})).status_code == 422
    async with shop.service.client(scopes=frozenset({"recommendations:read"})) as reader:
        assert (await reader.post("/v1/recommendations/backtests", json={})).status_code == 403


async def test_the_command_writes_json_and_a_page(shop: Shop, tmp_path: Path) -> None:
    await fill(shop)
    data, page = tmp_path / "result.json", tmp_path / "result.html"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "recommendations", "backtest", "--shop", "demo", "--days", "14",
        "--json", str(data), "--html", str(page),
        env={**os.environ, "RECOMMENDATIONS_DATABASE_URL": shop.service.database_url},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert json.loads(data.read_text())["test_orders"] > 10
    assert page.read_text().startswith("<!doctype html>")
