"""What nobody can ask for any more goes after a while: reports of jobs, counters of periods that are long over."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from comeback_kit import janitor
from loyalty import keeping
from tests.service.loyalty.test_customers import activity, customer
from tests.service.loyalty.test_imports import lot, rows
from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import START, World
from tests.support.reads import Reads

DAY = timedelta(days=1)
PERIODS = ("day", "week", "month", "year", "ever")


async def clean(shop: World) -> None:
    await janitor.clean(shop.service.runtime, keeping.PRUNES)


async def keys(shop: World, table: str = "usage", column: str = "key") -> list[str]:
    return sorted(row[column] for row in (await shop.snapshot([table]))[table])


@pytest_asyncio.fixture(loop_scope="session")
async def limited(shop: World) -> AsyncIterator[World]:
    """A program that counts in every period, and one order of a year's end."""
    shop.clock.now = datetime(2025, 12, 31, 12, tzinfo=UTC)
    rules = [{"id": f"r-{one}", "kind": "fixed", "points": 1, "limit": {"period": one, "times": 1}} for one in PERIODS]
    await shop.program(rules=rules, caps=[{"points": 100, "period": one} for one in ("day", "month")])
    await shop.order("1")
    yield shop


async def test_the_report_of_a_job_goes_ninety_days_after_its_end(shop: World) -> None:
    first = (await import_members(shop, rows({"customer_id": "a", "lots": [lot(3)]})))["job_id"]
    await shop.work()
    await shop.days(1)
    second = (await import_members(shop, rows({"customer_id": "b"})))["job_id"]
    await shop.work()
    running = (await import_members(shop, rows({"customer_id": "c"})))["job_id"]
    shop.clock.now += 90 * DAY - timedelta(seconds=1)
    await clean(shop)
    assert (await shop.get(f"jobs/{second}"))["state"] == "done"
    assert await keys(shop, "jobs", "job_id") == sorted([second, running])
    assert (await shop.get(f"jobs/{first}", status=404))["code"] == "job_unknown"
    shop.clock.now += 400 * DAY
    await clean(shop)
    assert await keys(shop, "jobs", "job_id") == [running]
    await shop.work()
    assert (await shop.get(f"jobs/{running}"))["state"] == "done"
    assert await shop.balance("a") == 3


async def test_a_failed_job_goes_too(shop: World) -> None:
    await import_members(shop, rows({"customer_id": "a"}))
    async with shop.service.runtime.db.work() as tx:
        await tx.execute("update jobs set state = 'failed'")
    shop.clock.now += 91 * DAY
    await clean(shop)
    assert await keys(shop, "jobs", "job_id") == []


async def test_of_many_reports_only_the_old_ones_are_read(shop: World) -> None:
    await import_members(shop, rows({"customer_id": "a"}))
    await shop.work()
    reads = Reads(shop.service.runtime.db, shop.service.database_url)
    await reads.execute(
        """insert into jobs select (jsonb_populate_record(j, jsonb_build_object('job_id', 'j' || n))).*
           from jobs j, generate_series(1, 5000) n""",
        "analyze jobs",
    )
    await reads.judge("nothing old", lambda _: clean(shop))
    assert reads.excess == {}


async def test_counters_of_a_period_go_when_it_has_been_over_for_long(limited: World) -> None:
    """A week is over when its last day is, be that of the next year."""
    whole = await keys(limited)
    assert [key.rsplit(":", 1)[1] for key in whole] == [
        *("2025-12", "2025-12-31"),
        *("2025-12-31", "ever", "2025-12", "2026-W01", "2025"),
    ]
    of_day = ["cap:2025-12", "cap:2025-12-31", "rule:r-day:2025-12-31", "rule:r-month:2025-12", "rule:r-year:2025"]
    for day, expected in ((4, []), (5, of_day)):
        limited.clock.now = datetime(2027, 2, day, 12, tzinfo=UTC)
        await clean(limited)
        assert sorted(set(whole) - set(await keys(limited))) == expected
    await limited.days(10)
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"]
    await limited.order("2")
    assert [one["points"] for one in await limited.transactions()] == [5, 4], "the limit for ever still holds"


async def test_whoever_was_active_of_late_keeps_all_counters(limited: World) -> None:
    """Their old orders may just be coming in, one after the other."""
    whole = await keys(limited)
    limited.clock.now += 600 * DAY
    await limited.order("late", placed_at=datetime(2025, 12, 31, 13, tzinfo=UTC))
    assert await limited.balance() == 5, "all limits of that day were used up"
    await clean(limited)
    assert await keys(limited) == whole
    await limited.days(29)
    await clean(limited)
    assert await keys(limited) == whole
    await limited.days(2)
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"]


async def test_an_old_order_is_still_corrected_when_its_counters_are_gone(limited: World) -> None:
    limited.clock.now += 600 * DAY
    await clean(limited)
    await limited.refund("1", 10_000)
    assert await limited.balance() == 0
    await limited.order("2")
    assert await limited.balance() == 5
    await limited.days(600)
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"]


async def test_a_limit_per_order_is_never_over_whatever_the_orders_name_looks_like(shop: World) -> None:
    rule = {"id": "r", "kind": "activity", "activity": "review", "points": 5, "limit": {"period": "order"}}
    await shop.program(rules=[rule])
    names = ["2020", "2020-01", "2020-W01", "2020-01-01", "a:2020"]
    for name in names:
        await shop.take(activity(shop, f"of-{name}", order_id=name))
    shop.clock.now += 600 * DAY
    await clean(shop)
    assert await keys(shop) == sorted(f"rule:r:order:{name}" for name in names)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
async def test_chunks_of_any_size_find_all(limited: World, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "_CHUNK", chunk)
    await limited.take(*[limited.order_event(name, customer=name) for name in ("a", "b", "zz")])
    limited.clock.now += 600 * DAY
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"] * 4


async def test_counters_are_looked_through_once_a_day(limited: World, asked: list[str]) -> None:
    for hours, times in ((0, 1), (1, 0), (22, 0), (2, 1)):
        limited.clock.now += timedelta(hours=hours)
        asked.clear()
        await clean(limited)
        assert sum("from usage" in one for one in asked) == times


async def test_a_member_who_is_locked_is_left_for_later(limited: World) -> None:
    whole = await keys(limited)
    await limited.take(customer(limited, "c2"))
    limited.clock.now += 600 * DAY
    async with limited.service.runtime.db.work() as tx:
        await tx.execute("select from members where customer_id = 'c1' for update")
        await clean(limited)
    assert await keys(limited) == whole
    limited.clock.now += 2 * DAY
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"]


async def test_of_another_shop_as_well(limited: World) -> None:
    await limited.shop("other")
    await limited.client.aclose()
    limited.client = limited.service.client("other")
    await limited.program(rules=[{"id": "r", "kind": "fixed", "points": 1, "limit": {"period": "day"}}])
    await limited.order("o", shop="other")
    limited.clock.now = START + 600 * DAY
    await clean(limited)
    assert await keys(limited) == ["rule:r-ever:ever"]
