"""Work in the background that can never be done fails, and says what to do; what passes is waited for."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from loyalty import importing, jobs, program_preview
from tests.service.loyalty.test_imports import lot, rows
from tests.service.loyalty.test_program_and_data import import_members
from tests.service.loyalty.world import World


async def tries(shop: World, count: int) -> None:
    for _ in range(count):
        await shop.work()
        shop.clock.now += timedelta(hours=2)


async def test_a_job_whose_step_never_works_fails_and_says_what_to_do(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_CHUNK", 1)
    job = await import_members(shop, rows({"customer_id": "a", "lots": [lot(3)]}, {"customer_id": "b"}))
    real = importing._book

    async def broken(tx: Any, there: Any, file: Any, now: Any) -> Any:
        booked = await real(tx, there, file, now)
        if any(one.member.customer_id == "b" for one in file):
            raise RuntimeError("b breaks it")
        return booked

    monkeypatch.setattr(importing, "_book", broken)
    await tries(shop, jobs.MOST_TRIES - 1)
    assert (await shop.get(f"jobs/{job['job_id']}"))["state"] == "running"
    await tries(shop, 1)
    found = await shop.get(f"jobs/{job['job_id']}")
    assert (found["state"], found["done"], found["result"]) == ("failed", 1, None)
    assert "again" in found["detail"]
    assert "b breaks it" not in found["detail"]
    assert await shop.balance("a") == 3
    await shop.get("members/b", status=404)
    left = await shop.snapshot(["import_rows", "timers"])
    assert left["import_rows"] == []
    assert not [one for one in left["timers"] if one["kind"] == jobs.STEP_TIMER]


async def test_a_preview_that_never_works_fails_too(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*arguments: Any) -> None:
        await arguments[0].execute("select 1 / 0")  # leaves the transaction unusable, too

    monkeypatch.setattr(program_preview, "step", broken)
    await shop.order("1", 10_000)
    answer = await shop.client.post("/v1/loyalty/program/preview", json={"program": {}, "orders": 5000})
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    await tries(shop, jobs.MOST_TRIES)
    found = await shop.get(f"jobs/{job_id}")
    assert (found["state"], found["result"]) == ("failed", None)
    assert found["detail"]


async def test_a_passing_failure_never_fails_a_job(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await import_members(shop, rows({"customer_id": "a", "lots": [lot(3)]}))
    real = importing._book

    async def away(*_: Any) -> Any:
        raise asyncpg.CannotConnectNowError("the database starts up")

    monkeypatch.setattr(importing, "_book", away)
    for _ in range(jobs.MOST_TRIES + 2):
        with pytest.raises(asyncpg.CannotConnectNowError):
            await shop.work()
        shop.clock.now += timedelta(hours=2)
    assert (await shop.get(f"jobs/{job['job_id']}"))["state"] == "running"
    monkeypatch.setattr(importing, "_book", real)
    await shop.work()
    assert (await shop.get(f"jobs/{job['job_id']}"))["state"] == "done"


async def test_each_job_counts_its_own_tries(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one that is due at the same time, and works again, gives it none back."""
    names = ("a", "b")
    found = [await import_members(shop, rows({"customer_id": name, "lots": [lot(3)]})) for name in names]
    real, broken_ones = importing._book, set(names)

    async def broken(tx: Any, there: Any, file: Any, now: Any) -> Any:
        if any(one.member.customer_id in broken_ones for one in file):
            raise RuntimeError
        return await real(tx, there, file, now)

    monkeypatch.setattr(importing, "_book", broken)
    for count in range(1, jobs.MOST_TRIES):
        await tries(shop, 1)
        left = (await shop.snapshot(["timers"]))["timers"]
        assert [one["attempts"] for one in left if one["kind"] == jobs.STEP_TIMER] == [count] * len(broken_ones)
        broken_ones.discard("a" if count == 4 else "")
    await tries(shop, 1)
    states = [(await shop.get(f"jobs/{job['job_id']}"))["state"] for job in found]
    assert states == ["done", "failed"]
