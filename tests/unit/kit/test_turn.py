"""Two batches at a time where their lanes differ, one where not; what is under way ends, and is counted in order."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from comeback_kit.ahead import Polled
from comeback_kit.batching import Part, Work
from comeback_kit.db import Connection
from comeback_kit.delivery import Batch
from comeback_kit.events import Event
from comeback_kit.log.port import Record, TopicPartition
from comeback_kit.settling import Context, Interrupted, Subscription
from comeback_kit.turn import Turn


async def nothing(tx: Connection, events: Sequence[Event], context: Context) -> None: ...


def read(event: Event) -> str:
    return event.id


BY_BUYER = Subscription("orders", nothing, reader=read, lane=lambda record: record.value)
IN_ORDER = Subscription("orders", nothing, reader=read)


class Settling:
    """Batches by their offset: each begins, says that it writes, and ends or fails when it is told to."""

    def __init__(self, count: int) -> None:
        self.begun: list[int] = []
        self.given_up: list[int] = []
        self.writes = [asyncio.Event() for _ in range(count)]
        self.ends: list[asyncio.Future[None]] = [asyncio.get_running_loop().create_future() for _ in range(count)]

    async def settle(self, _: Subscription, batch: Batch, writing: Callable[[], None]) -> None:
        number = batch.records[0].offset
        self.begun.append(number)
        try:
            await self.writes[number].wait()
            writing()
            await self.ends[number]
        except asyncio.CancelledError:
            self.given_up.append(number)
            raise


def batches(subscription: Subscription, count: int) -> Work:
    """Batches of one record, each in a lane of its own where there are lanes."""
    return [
        Part(subscription, [Record("orders", 0, number, b"k", b"")], None if subscription.lane is None else number)
        for number in range(count)
    ]


def started(work: Work, interrupt: asyncio.Event | None = None) -> tuple[Settling, Turn, asyncio.Task[None]]:
    settling = Settling(len(work))
    turn = Turn(Polled(work, 1), settling.settle, interrupt or asyncio.Event(), None, no_commit)
    return settling, turn, asyncio.create_task(turn.run(None))


async def no_commit(_: Mapping[TopicPartition, int]) -> None:
    raise AssertionError("the turn has one poll: whoever runs it commits")


async def a_while() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_batch_of_another_lane_begins_while_the_one_before_is_written_and_no_third() -> None:
    settling, turn, running = started(batches(BY_BUYER, 3))
    await a_while()
    assert settling.begun == [0], "it still settles"
    settling.writes[0].set()
    await a_while()
    assert settling.begun == [0, 1]
    settling.writes[1].set()
    await a_while()
    assert (settling.begun, turn.done) == ([0, 1], 0), "the first has not ended"
    settling.ends[0].set_result(None)
    await a_while()
    assert (settling.begun, turn.done) == ([0, 1, 2], 1)
    for number in (1, 2):
        settling.writes[number].set()
        settling.ends[number].set_result(None)
    await running
    assert turn.done == 3


async def test_without_lanes_a_batch_begins_when_the_one_before_has_ended() -> None:
    settling, turn, running = started(batches(IN_ORDER, 2))
    settling.writes[0].set()
    await a_while()
    assert settling.begun == [0]
    settling.ends[0].set_result(None)
    await a_while()
    assert (settling.begun, turn.done) == ([0, 1], 1)
    settling.writes[1].set()
    settling.ends[1].set_result(None)
    await running
    assert turn.done == 2


async def test_one_lane_is_settled_one_batch_after_the_other() -> None:
    settling, _, running = started([part._replace(lane=3) for part in batches(BY_BUYER, 2)])
    settling.writes[0].set()
    await a_while()
    assert settling.begun == [0]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_was_settled_after_a_batch_that_failed_is_not_counted_and_has_ended() -> None:
    settling, turn, running = started(batches(BY_BUYER, 2))
    settling.writes[0].set()
    await a_while()
    settling.ends[0].set_exception(Interrupted())
    await a_while()
    assert not running.done(), "the second is under way"
    settling.writes[1].set()
    settling.ends[1].set_result(None)
    with pytest.raises(Interrupted):
        await running
    assert (settling.begun, turn.done) == ([0, 1], 0)


async def test_what_was_settled_before_a_batch_that_failed_is_counted() -> None:
    settling, turn, running = started(batches(BY_BUYER, 2))
    settling.writes[0].set()
    await a_while()
    settling.ends[1].set_exception(RuntimeError("no"))
    settling.writes[1].set()
    settling.ends[0].set_result(None)
    with pytest.raises(RuntimeError):
        await running
    assert turn.done == 1


async def test_after_a_failure_before_it_wrote_no_other_batch_begins() -> None:
    settling, turn, running = started(batches(BY_BUYER, 2))
    settling.ends[0].set_exception(RuntimeError("no"))
    settling.writes[0].set()
    with pytest.raises(RuntimeError):
        await running
    assert (settling.begun, turn.done) == ([0], 0)


async def test_an_interruption_lets_what_is_under_way_end_and_begins_no_other() -> None:
    interrupt = asyncio.Event()
    settling, turn, running = started(batches(BY_BUYER, 3), interrupt)
    interrupt.set()
    settling.writes[0].set()
    await a_while()
    assert not running.done()
    settling.ends[0].set_result(None)
    with pytest.raises(Interrupted):
        await running
    assert (settling.begun, turn.done) == ([0], 1)


async def test_a_cancellation_gives_up_both_that_are_under_way() -> None:
    settling, turn, running = started(batches(BY_BUYER, 2))
    settling.writes[0].set()
    await a_while()
    assert settling.begun == [0, 1]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (sorted(settling.given_up), turn.done) == ([0, 1], 0)
