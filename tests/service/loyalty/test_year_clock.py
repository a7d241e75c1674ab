"""Nothing reads the machine's clock: every instant that a year in 2031 leaves behind lies in that year.

What the service foresees (when points run out, until when a tier holds) may lie after it, but not for longer than its
programs look ahead.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from tests.service.loyalty.lives import Happening, berlin, live, shop_in_berlin
from tests.service.loyalty.test_customers import activity, customer, erased
from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import World
from tests.service.loyalty.year_in_berlin import BEGIN, DAYS, LIFE, MUG, ROLLING_PROGRAM, RULES
from tests.support.apps import Clock, ServiceUnderTest

Column = tuple[str, str]
JOINED = berlin("2029-05-10")  # the oldest day that anybody speaks of
END = DAYS[-1]
AHEAD = END + timedelta(days=3 * 366)  # a tier of 2032 is kept to the end of 2033
# How long rows have been there, in the database's own time: for metrics and for clearing away, no instant of a shop's.
TECHNICAL = {("inbox", "seen_at"), ("outbox", "created_at"), ("outbox_refused", "refused_at")}
EMPTY = {"inbox", "outbox_refused"}  # events are idempotent by themselves; the log refuses none
FORESEEN = {
    ("entries", "expires_at"),
    ("lots", "available_at"),
    ("lots", "expires_at"),
    ("members", "due_at"),
    ("members", "tier_until"),
    ("redemptions", "expires_at"),
    ("timers", "due_at"),
    ("timers", "run_at"),
}
REVIEW = {"id": "review", "kind": "activity", "activity": "review", "points": 3, "limit": {"period": "month"}}
_COLUMNS = """
select table_name, column_name from information_schema.columns join information_schema.tables
  using (table_schema, table_name)
where table_schema = 'public' and table_type = 'BASE TABLE'"""
_WRITTEN = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d")


async def everything_else(shop: World) -> None:
    """What the year leaves out, so that there is something in every table."""
    key = {"Idempotency-Key": "k"}
    await shop.post("members/otto/adjustments", {"points": 5, "reason": "sorry"}, status=201, **key)
    pool = {"kind": "partner", "name": "Cinema", "points": 1, "code_pool": True}
    await shop.post("rewards", {"reward_id": "cinema", **pool})
    await shop.post("rewards/cinema/codes", {"codes": ["A", "B"]})
    await shop.post("members/otto/redemptions", {"reward_id": "cinema"})
    await shop.take(activity(shop, "review-1", customer_id="otto"))
    await shop.order("E1", 5_000, "erna")
    await shop.take(customer(shop, "erna", tags=["vip"]), together=False)
    await shop.take(erased(shop, "erna", shop.now))


async def contents(shop: World) -> dict[Column, list[Any]]:
    """Every value of every column of every table, as the catalog names them."""
    connection = await asyncpg.connect(shop.service.database_url)
    try:
        names = [(row["table_name"], row["column_name"]) for row in await connection.fetch(_COLUMNS)]
        return {
            (table, column): [row[0] for row in await connection.fetch(f'select "{column}" from "{table}"')]
            for table, column in names
        }
    finally:
        await connection.close()


async def left_behind(shop: World) -> dict[Column, list[Any]]:
    """Everything that is stored after a year with something in every table; an import is under way."""
    await shop.post("rewards", MUG)
    await shop.program(**ROLLING_PROGRAM | {"rules": [*RULES, REVIEW]})
    await live(shop, [*LIFE, Happening(berlin("2031-06-01"), everything_else)], [*DAYS[::7], END])
    await import_members(shop, json.dumps({"customer_id": "imre", "tags": ["vip"], "lots": []}))
    return await contents(shop)


def written_in(values: Iterable[Any]) -> set[str]:
    """The days of all instants that are written in texts, documents and encoded states."""
    texts = (
        value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value, default=str)
        for value in values
        if not isinstance(value, datetime)
    )
    return {day for text in texts for day in _WRITTEN.findall(text)}


async def test_every_instant_that_is_kept_lies_in_the_year(running: tuple[ServiceUnderTest, Clock]) -> None:
    async with shop_in_berlin(*running, BEGIN) as shop:
        kept = await left_behind(shop)
    assert {table for (table, _), values in kept.items() if not values} == EMPTY
    instants = {column: [value for value in values if isinstance(value, datetime)] for column, values in kept.items()}
    strange = {
        column: found
        for column, values in instants.items()
        if column not in TECHNICAL
        if (found := [at for at in values if not BEGIN <= at <= (AHEAD if column in FORESEEN else END)])
    }
    assert strange == {}
    assert {column for column in FORESEEN if not instants[column]} == set(), "each of them says something"


async def test_every_instant_that_is_written_in_a_text_lies_in_the_year(
    running: tuple[ServiceUnderTest, Clock],
) -> None:
    async with shop_in_berlin(*running, BEGIN) as shop:
        kept = await left_behind(shop)
    days = {column: written_in(values) for column, values in kept.items()}
    first, last = JOINED.date().isoformat(), AHEAD.date().isoformat()
    strange = {column: found for column, found in days.items() if any(not first <= day <= last for day in found)}
    assert strange == {}
    assert days["outbox", "value"] | days["orders", "state"] | days["profiles", "fields"] >= {
        "2031-07-20",
        "2029-05-10",
    }
