"""A year of one shop, day by day, in seconds: balances, tiers, messages and lots are those of the tables."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.service.loyalty.lives import ZONE, Happening, live, local, shop_in_berlin
from tests.service.loyalty.world import Json, World
from tests.service.loyalty.year_in_berlin import BEGIN, DAYS, LIFE, MUG
from tests.service.loyalty.year_tables import GIFTS, ROLLING, SLIDING, SPENDABLE, Table, Year
from tests.support.apps import Clock, ServiceUnderTest

IDS = ("lena", "otto", "pia", "guest:7", "nils")
MEMBERS = ("lena", "otto", "pia", "nils")
both_programs = pytest.mark.parametrize("year", [ROLLING, SLIDING], ids=["rolling", "sliding"])
Running = tuple[ServiceUnderTest, Clock]


async def lived(shop: World, year: Year, looks: Sequence[datetime]) -> Table:
    """Live the year; answers everybody's balance and tier in the last minutes of each month."""
    months: Table = []

    async def close_the_month(shop: World) -> None:
        await shop.work()
        months.append([str(local(shop.now.isoformat()))[:7], *[await seen(shop, name) for name in IDS]])

    await shop.post("rewards", MUG)
    await shop.program(**year.program)
    await shop.work()
    firsts = [at for at in DAYS if at.astimezone(ZONE).day == 1]
    await live(shop, [*LIFE, *[Happening(at - timedelta(minutes=10), close_the_month) for at in firsts]], looks)
    return months


async def seen(shop: World, name: str) -> str:
    """``balance+pending/tier`` of an id."""
    answer = await shop.client.get(f"/v1/loyalty/members/{name}")
    if answer.status_code == 404:
        return "-"
    member = answer.json()
    if member["customer_id"] != name:
        return f">{member['customer_id']}"
    pending = f"+{member['pending']}" if member["pending"] else ""
    tier = f"/{member['tier']['id']}" if member["tier"]["id"] else ""
    return f"{member['balance']}{pending}{tier}"


async def told(shop: World, kind: str) -> list[tuple[str, Json]]:
    """The day and the data of every event of a type."""
    found = [one for one in await shop.published() if one.type == kind]
    return [(str(local(one.time))[:10], msgspec.json.decode(one.data)) for one in found]


def rows(found: Iterable[Sequence[Any]]) -> Table:
    return sorted([["-" if cell is None else str(cell) for cell in row] for row in found])


async def expired(shop: World) -> Table:
    return rows((day, one["customer_id"], one["points"]) for day, one in await told(shop, "points.expired"))


async def gifts(shop: World) -> Table:
    found = await told(shop, "points.earned")
    return rows(
        (day, one["customer_id"], one["reason"], one["points"])
        for day, one in found
        if one.get("reason") in ("birthday", "anniversary")
    )


async def tiers(shop: World) -> Table:
    found = [one for _, one in await told(shop, "tier.changed")]
    return rows((local(one["at"]), one["customer_id"], one["from"], one["to"], local(one["until"])) for one in found)


async def left(shop: World) -> Table:
    found = [(name, lot) for name in MEMBERS for lot in await shop.lots(name)]
    return rows((name, _name(lot), lot["remaining"], local(lot["expires_at"])) for name, lot in found)


def _name(lot: Json) -> str:
    """A lot without the number that tells one entry of a tier from the next."""
    return ":".join(lot["lot_id"].split(":")[:2])


async def spendable(shop: World) -> dict[str, str]:
    """Since when those lots of Lena and Nils can be spent that ``SPENDABLE`` names."""
    found: list[Json] = []
    for name in ("nils", "lena"):
        found += (await shop.get(f"members/{name}/lots", limit=100))["items"]
    return {lot["lot_id"]: lot["available_at"] for lot in found if lot["lot_id"] in SPENDABLE}


async def mugs(shop: World) -> list[str]:
    """Who was given the reward of the gold tier. Nobody takes it, so each ends after a year."""
    found = [(name, one) for name in MEMBERS for one in (await shop.get(f"members/{name}/redemptions"))["items"]]
    given = [(name, one) for name, one in found if one["reward_id"] == "mug"]
    for _, one in given:
        assert one["state"] == ("expired" if datetime.fromisoformat(one["expires_at"]) <= shop.now else "held")
    return [name for name, _ in given]


async def until(shop: World) -> Table:
    return rows([(name, local((await shop.member(name))["tier"].get("until"))) for name in MEMBERS])


@both_programs
async def test_a_year_day_by_day(running: Running, year: Year) -> None:
    async with shop_in_berlin(*running, BEGIN) as shop:
        assert await lived(shop, year, DAYS) == year.months
        warned = await told(shop, "points.expiring")
        ends = [(day, one["customer_id"], one["points"], local(one["expires_at"])) for day, one in warned]
        assert rows(ends) == sorted(year.warned)
        assert await expired(shop) == sorted(year.expired)
        assert await tiers(shop) == sorted(year.tiers)
        assert await gifts(shop) == sorted(GIFTS)
        assert await left(shop) == sorted(year.left)
        assert await until(shop) == sorted(year.until)
        assert [[kind, str(points)] for kind, points in await shop.kinds("lena")] == year.history
        assert await spendable(shop) == SPENDABLE
        assert await mugs(shop) == ["lena", "otto"]


@both_programs
async def test_a_year_of_which_the_work_is_done_once_a_month(running: Running, year: Year) -> None:
    """Warnings come late then, or not at all; everything else is as it would have been."""
    async with shop_in_berlin(*running, BEGIN) as shop:
        assert await lived(shop, year, DAYS[-1:]) == year.months
        assert await tiers(shop) == sorted(year.tiers)
        assert sorted(row[1:] for row in await expired(shop)) == sorted(row[1:] for row in year.expired)
        assert sorted(row[1:] for row in await gifts(shop)) == sorted(row[1:] for row in GIFTS)
        assert await left(shop) == sorted(year.left)
        assert await until(shop) == sorted(year.until)
