"""Durable timers on real PostgreSQL: once each, at their time, and a failing one holds nothing up."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from comeback_kit import timers
from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.errors import TransientError
from comeback_kit.runtime import Runtime
from comeback_kit.timer_runner import TimerRunner
from comeback_kit.timers import DueTimer, Timer
from tests.service.kit.plumbing import running, tiny_database
from tests.support.postgres import TestServer
from tests.support.waiting import eventually


class Clock:
    """The runtime's clock, moved by the test."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def urls(postgres: TestServer) -> AsyncIterator[tuple[str, str]]:
    database, log = await tiny_database(postgres), await postgres.empty()
    yield database, log
    await postgres.drop(database)
    await postgres.drop(log)


@pytest.fixture
async def runtime(urls: tuple[str, str], clock: Clock) -> AsyncIterator[Runtime]:
    async with running(*urls, clock=clock) as runtime:
        yield runtime


def timer(ref: str, due_in: float = 0.0, *, kind: str = "ask", shop_id: str = "demo", **payload: object) -> Timer:
    return Timer(shop_id, kind, ref, datetime.now(UTC) + timedelta(seconds=due_in), dict(payload))


async def schedule(runtime: Runtime, *wanted: Timer) -> None:
    async with runtime.db.work() as tx:
        await timers.schedule(tx, wanted)
    runtime.wake_timers()


async def note(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
    """One row a timer; a second time would violate the key."""
    await tx.executemany(
        "insert into notes values ($1, $2, $3, $4)",
        [(each.shop_id, each.ref, str(each.payload.get("text", "")), context.now) for each in due],
    )


async def noted(runtime: Runtime) -> dict[str, str]:
    async with runtime.db.work() as tx:
        return {row["note_id"]: row["text"] for row in await tx.fetch("select note_id, text from notes")}


async def left(runtime: Runtime) -> int:
    async with runtime.db.work() as tx:
        return int(await tx.fetchval("select count(*) from timers"))


async def test_timers_run_when_they_are_due_and_not_before(runtime: Runtime, clock: Clock) -> None:
    runner = TimerRunner(runtime, {"ask": note})
    await runner.start()
    await schedule(runtime, timer("now", text="a"), timer("in-a-day", 86_400, text="b"))
    await eventually(lambda: _is(noted(runtime), {"now": "a"}))
    clock.ahead = timedelta(hours=23)
    await asyncio.sleep(1.2)
    assert await noted(runtime) == {"now": "a"}
    clock.ahead = timedelta(hours=25)
    await eventually(lambda: _is(noted(runtime), {"now": "a", "in-a-day": "b"}))
    await runner.stop()
    assert await left(runtime) == 0


async def test_a_timer_runs_within_moments_of_its_instant(runtime: Runtime) -> None:
    runner = TimerRunner(runtime, {"ask": note})
    await runner.start()
    await asyncio.sleep(0.3)
    start = time.monotonic()
    await schedule(runtime, timer("now"), timer("soon", 0.4))
    await eventually(lambda: _is(noted(runtime), {"now": ""}), within=0.35)
    await eventually(lambda: _is(noted(runtime), {"now": "", "soon": ""}))
    assert 0.4 <= time.monotonic() - start < 0.9
    await runner.stop()


async def test_scheduling_again_moves_it_and_cancelling_removes_it(runtime: Runtime) -> None:
    await schedule(runtime, timer("moved", text="old"), timer("gone"), timer("stays", text="x"))
    await schedule(runtime, timer("moved", 3_600, text="new"), timer("twice", text="1"), timer("twice", text="2"))
    async with runtime.db.work() as tx:
        await timers.cancel(tx, "demo", "ask", ["gone", "unknown"])
        await timers.cancel(tx, "other", "ask", ["stays"])
    assert await timers.due(runtime, ["ask"]) == 2
    runner = TimerRunner(runtime, {"ask": note})
    await runner.start()
    await eventually(lambda: _is(noted(runtime), {"stays": "x", "twice": "2"}))
    await runner.stop()
    assert await left(runtime) == 1
    assert await timers.due(runtime, ["ask"]) == 0


async def test_two_runners_share_the_work_and_each_timer_runs_once(runtime: Runtime, urls: tuple[str, str]) -> None:
    await schedule(runtime, *(timer(f"t{number:04d}") for number in range(3_000)))
    async with running(*urls) as other:
        runners = [TimerRunner(runtime, {"ask": note}), TimerRunner(other, {"ask": note})]
        for runner in runners:
            await runner.start()
        await eventually(lambda: _is(left(runtime), 0), within=20.0)
        await asyncio.gather(*(runner.stop() for runner in runners))
    assert len(await noted(runtime)) == 3_000


async def test_a_handler_may_set_the_same_timer_again(runtime: Runtime) -> None:
    runs: list[str] = []

    async def recurring(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        runs.extend(each.ref for each in due)
        await timers.schedule(tx, [Timer("demo", "ask", each.ref, context.now + timedelta(hours=1)) for each in due])

    await schedule(runtime, timer("hourly"))
    runner = TimerRunner(runtime, {"ask": recurring})
    await runner.start()
    await eventually(lambda: bool(runs))
    await runner.stop()
    assert runs == ["hourly"]
    assert await left(runtime) == 1


async def test_a_failing_timer_waits_longer_and_longer_and_the_others_run(runtime: Runtime, clock: Clock) -> None:
    tries: list[tuple[int, datetime]] = []

    async def picky(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        await note(tx, due, context)
        for each in due:
            if each.ref == "bad":
                tries.append((each.attempts, each.due_at))
                raise ValueError("not this one")

    bad = timer("bad")
    await schedule(runtime, *(timer(f"t{number:03d}") for number in range(100)), bad)
    runner = TimerRunner(runtime, {"ask": picky})
    await runner.start()
    await eventually(lambda: _has(noted(runtime), 100))
    assert "bad" not in await noted(runtime)
    assert await timers.due(runtime, ["ask"]) == 0, "what waits for another try does not hold caught_up up"
    for expected in (1, 2, 3):
        clock.ahead += timedelta(seconds=2**expected)
        await eventually(lambda wanted=expected: tries[-1][0] >= wanted, within=5.0)  # type: ignore[misc]
    await runner.stop()
    assert [attempts for attempts, _ in tries if attempts] == [1, 2, 3]
    assert {due_at for _, due_at in tries} == {bad.due_at}, "a handler always sees the instant that was asked for"
    assert await left(runtime) == 1


@pytest.mark.parametrize("failure", [TransientError("away"), OSError("away"), ConnectionResetError()])
async def test_a_kind_that_cannot_run_now_holds_no_other_kind_up(runtime: Runtime, failure: Exception) -> None:
    failures = iter([failure] * 3)

    async def first_away(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        for each in failures:
            raise each
        await note(tx, due, context)

    await schedule(runtime, timer("stuck", kind="a"), timer("free", kind="b"))
    runner = TimerRunner(runtime, {"a": first_away, "b": note})
    await runner.start()
    await eventually(lambda: _is(noted(runtime), {"free": ""}), within=1.0)
    await eventually(lambda: _is(noted(runtime), {"free": "", "stuck": ""}), within=10.0)
    await runner.stop()
    async with runtime.db.work() as tx:
        assert await tx.fetchval("select count(*) from timers") == 0


async def test_effect_and_deletion_are_one(runtime: Runtime) -> None:
    """A handler that writes and then fails leaves neither effect nor a missing timer."""
    calls: Counter[str] = Counter()

    async def writes_then_fails_once(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        await note(tx, due, context)
        calls["run"] += 1
        if calls["run"] == 1:
            raise TransientError

    await schedule(runtime, timer("only"))
    runner = TimerRunner(runtime, {"ask": writes_then_fails_once})
    await runner.start()
    await eventually(lambda: _is(noted(runtime), {"only": ""}))
    await runner.stop()
    assert calls["run"] == 2


async def test_timers_without_a_handler_stay(runtime: Runtime) -> None:
    await schedule(runtime, timer("unknown", kind="later-version"), timer("known"))
    runner = TimerRunner(runtime, {"ask": note})
    await runner.start()
    await eventually(lambda: _is(noted(runtime), {"known": ""}))
    await runner.stop()
    assert await left(runtime) == 1


async def test_stopping_lets_the_running_batch_end(runtime: Runtime) -> None:
    begun = asyncio.Event()

    async def slow(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        await note(tx, due, context)

    await schedule(runtime, timer("slow"))
    runner = TimerRunner(runtime, {"ask": slow})
    await runner.start()
    await begun.wait()
    await runner.stop()
    assert await noted(runtime) == {"slow": ""}


async def _is(answer: object, wanted: object) -> bool:
    return await answer == wanted  # type: ignore[misc, no-any-return]


async def _has(answer: object, count: int) -> bool:
    return len(await answer) == count  # type: ignore[misc]


async def test_a_handler_that_takes_few_at_once_gets_no_more_and_holds_up_no_other_kind(runtime: Runtime) -> None:
    runs: list[str] = []

    async def stepping(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        """Each has three steps, the next of which is due at once."""
        runs.append("".join(each.ref for each in due))
        again = [each for each in due if each.payload["left"]]
        await timers.schedule(
            tx, [Timer(one.shop_id, one.kind, one.ref, context.now, {"left": one.payload["left"] - 1}) for one in again]
        )

    async def other(tx: Connection, due: Sequence[DueTimer], context: Context) -> None:
        runs.append("other")

    await schedule(runtime, timer("a", -3, kind="step", left=2), timer("b", -2, kind="step", left=2))
    await schedule(runtime, timer("x", kind="other"))
    runner = TimerRunner(runtime, {"step": timers.AtMost(1, stepping), "other": other})
    await runner.start()
    await eventually(lambda: _is(left(runtime), 0))
    await runner.stop()
    assert runs == ["a", "other", "b", "a", "b", "a", "b"]
