"""A loyalty database with one shop and its program, set up by the service's own functions."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from benchmarks.orders import SHOP, shop_event
from benchmarks.servers import Postgres
from comeback_kit.consumer import Context
from comeback_kit.db import Database
from comeback_kit.log.postgres import PostgresLog
from comeback_kit.runtime import Runtime, system_clock
from loyalty import consumers, programs
from loyalty.schemas.program import ProgramBody
from loyalty.settings import Settings

REALISTIC: dict[str, Any] = {
    "rules": [
        {"id": "base", "kind": "per_amount", "points": 1, "per": 100},
        {
            "id": "coffee",
            "kind": "per_amount",
            "points": 1,
            "per": 100,
            "when": {"category_ids": ["coffee"], "min_amount": 1000},
        },
        {
            "id": "app",
            "kind": "fixed",
            "points": 50,
            "when": {"channels": ["app"], "min_amount": 5000},
            "limit": {"times": 2, "period": "month"},
        },
        {"id": "welcome", "kind": "first_purchase", "points": 100, "when": {"min_amount": 2000}},
        {"id": "weekend", "kind": "multiplier", "factor": "1.5", "when": {"weekdays": ["sat", "sun"]}},
    ],
    "expiry": {"kind": "rolling", "months": 12, "round_to": "month_end"},
    "tiers": {
        "basis": "points",
        "window": "rolling_12m",
        "levels": [
            {"id": "bronze", "name": "Bronze", "threshold": 0},
            {"id": "silver", "name": "Silver", "threshold": 500, "benefits": {"multiplier": "1.2"}},
            {"id": "gold", "name": "Gold", "threshold": 2000, "benefits": {"multiplier": "1.5"}},
        ],
    },
}
"""Three tiers and five rules with conditions, one of them limited a month."""


async def loyalty_database(server: Postgres, program: dict[str, Any] | None = None) -> str:
    """The URL of a new database with the shop; its program is the default one, or the one given."""
    url = await server.database("loyalty")
    async with runtime(url) as running:
        now = running.clock()
        async with running.db.work() as tx:
            await consumers.take_shops(tx, [shop_event(now)], Context(now, running))
        if program is not None:
            async with running.db.request(SHOP) as tx:
                await programs.put(tx, SHOP, ProgramBody.model_validate(program), actor="bench", now=now)
    return url


@contextlib.asynccontextmanager
async def runtime(url: str) -> AsyncIterator[Runtime]:
    """The service's runtime without any role: a database, and a log that is not started."""
    db = Database(url, "loyalty")
    await db.open()
    try:
        yield Runtime(name="loyalty", settings=Settings(database_url=url), db=db, log=PostgresLog(url))
    finally:
        await db.close()


def present() -> datetime:
    """Now, in UTC."""
    return system_clock()
