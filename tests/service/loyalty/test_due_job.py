"""The job of what is due goes on where it was stopped, and does nothing twice."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from loyalty import due, due_work
from tests.service.loyalty.world import World, instant

NAMES = [f"m{number}" for number in range(5)]


async def test_a_job_that_fails_in_between_lets_each_expire_once(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        await shop.adjust(10, name, expires_at=instant(shop.now + timedelta(days=1)))
    shop.clock.now += timedelta(days=2)
    run, calls = due.run, 0

    async def failing(*given: Any, **named: Any) -> int:
        nonlocal calls
        calls += 1
        found = await run(*given, **named)
        if calls == 2:
            raise ConnectionResetError("killed before the commit")
        return found

    monkeypatch.setattr(due, "run", failing)
    runtime = shop.service.runtime
    assert await due_work.run_once(runtime, 2) == 2
    with pytest.raises(ConnectionResetError):
        await due_work.run_once(runtime, 2)
    assert len(await shop.told("points.expired")) == 2, "what the failed batch did is undone"
    assert [await due_work.run_once(runtime, 2) for _ in range(4)] == [2, 1, 0, 0]
    assert sorted(one["customer_id"] for one in await shop.told("points.expired")) == NAMES
    for name in NAMES:
        assert await shop.kinds(name) == [("adjusted", 10), ("expired", -10)]


@contextlib.asynccontextmanager
async def stuck(shop: World, *names: str) -> AsyncIterator[None]:
    """Nothing of these members can run out; in the database, because what is compiled cannot be replaced."""
    connection = await asyncpg.connect(shop.service.database_url)
    listed = ", ".join(f"'{name}'" for name in names)
    try:
        await connection.execute(
            f"alter table lots add constraint stuck check (customer_id not in ({listed}) or expired = 0)"
        )
        yield
    finally:
        await connection.execute("alter table lots drop constraint stuck")
        await connection.close()


async def test_one_who_cannot_be_looked_at_holds_up_nobody(shop: World) -> None:
    for name in NAMES:
        await shop.adjust(10, name, expires_at=instant(shop.now + timedelta(days=1)))
    shop.clock.now += timedelta(days=2)
    async with stuck(shop, "m2"):
        assert await due_work.step(shop.service.runtime, 500) == 0
        assert await due_work.step(shop.service.runtime, 500) == 0
    assert sorted(one["customer_id"] for one in await shop.told("points.expired")) == ["m0", "m1", "m3", "m4"]
    assert await due_work.step(shop.service.runtime, 500) == 1
    assert await shop.kinds("m2") == [("adjusted", 10), ("expired", -10)]


async def test_a_batch_that_fails_in_passing_is_left_for_later(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> int:
        raise asyncpg.DeadlockDetectedError("two of them")

    monkeypatch.setattr(due, "run", away)
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await due_work.step(shop.service.runtime, 500)


@pytest.mark.parametrize("together", [True, False], ids=["at_one_instant", "one_after_the_other"])
async def test_many_who_cannot_be_looked_at_hold_up_nobody(shop: World, together: bool) -> None:
    """More of them than one look takes, and due before everybody else."""
    for number, name in enumerate(NAMES):
        at = shop.now + timedelta(days=1, minutes=0 if together else number)
        await shop.adjust(10, name, expires_at=instant(at))
    shop.clock.now += timedelta(days=2)
    async with stuck(shop, *NAMES[:3]):
        assert await due_work.step(shop.service.runtime, 2) == 0
    assert sorted(one["customer_id"] for one in await shop.told("points.expired")) == NAMES[3:]
    assert await due_work.step(shop.service.runtime, 2) == 2
    assert await due_work.step(shop.service.runtime, 2) == 1
    for name in NAMES:
        assert await shop.kinds(name) == [("adjusted", 10), ("expired", -10)]
    await shop.check()


async def test_one_of_many_who_cannot_be_looked_at_is_found_by_halves(shop: World, asked: list[str]) -> None:
    names = [f"m{number:02}" for number in range(64)]
    for name in names:
        await shop.adjust(10, name, expires_at=instant(shop.now + timedelta(days=1)))
    shop.clock.now += timedelta(days=2)
    async with stuck(shop, "m37"):
        asked.clear()
        assert await due_work.step(shop.service.runtime, 64) == 0
    locks = [one for one in asked if "for update of m" in one]
    assert len(locks) <= 14, "the batch, and two halves of each of six parts"
    assert sorted(one["customer_id"] for one in await shop.told("points.expired")) == [*names[:37], *names[38:]]


async def test_a_pass_over_many_who_are_due_at_one_instant_does_not_look_for_them_batch_by_batch(
    shop: World, asked: list[str]
) -> None:
    """Every such look reads all who are left: a million points that run out at one midnight would be read for hours."""
    await shop.adjust(10, "first", expires_at=instant(shop.now + timedelta(hours=1)))
    for number in range(39):
        await shop.adjust(10, f"m{number:02}", expires_at=instant(shop.now + timedelta(days=1)))
    shop.clock.now += timedelta(days=2)
    async with stuck(shop, "first"):
        asked.clear()
        assert await due_work.step(shop.service.runtime, 4) == 0
    assert sum("select due_at" in one for one in asked) == 1
    assert len(await shop.told("points.expired")) == 39
