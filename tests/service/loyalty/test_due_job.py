"""The job of what is due goes on where it was stopped, and does nothing twice."""

from datetime import timedelta
from typing import Any

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
