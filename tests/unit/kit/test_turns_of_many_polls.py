"""A consumer that is behind goes on with what it polled ahead; what is committed is what has had its effect."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

import pytest

from comeback_kit.ahead import Ahead, Polled
from comeback_kit.batching import Part, Work, in_batches
from comeback_kit.delivery import Batch
from comeback_kit.log.port import Record, TopicPartition
from comeback_kit.settling import Interrupted, Subscription
from comeback_kit.turn import Turn
from tests.unit.kit.test_turn import BY_BUYER, IN_ORDER, Settling, a_while

PLACE = TopicPartition("orders", 0)


class Log:
    """Polls that are given, one after the other; remembers what was committed."""

    def __init__(self, *polls: Polled) -> None:
        self.left = list(polls)
        self.committed: list[int] = []
        self.ahead = Ahead(self._poll, lambda polled: polled.work[0].read())

    async def _poll(self) -> Polled:
        return self.left.pop(0) if self.left else Polled([], 1)

    async def commit(self, ends: Mapping[TopicPartition, int]) -> None:
        self.committed.append(ends[PLACE])


def poll(first: int, lanes: list[int], subscription: Subscription = BY_BUYER, generation: int = 1) -> Polled:
    """Batches of one record each, from that offset on, in these lanes."""
    work: Work = [
        Part(subscription, [Record("orders", 0, first + place, b"k", b"")], lane) for place, lane in enumerate(lanes)
    ]
    return Polled(work, generation)


def started(
    log: Log, batches: int, interrupt: asyncio.Event | None = None
) -> tuple[Settling, Turn, asyncio.Task[None]]:
    settling, polled = Settling(batches), log.left.pop(0)
    turn = Turn(polled, settling.settle, interrupt or asyncio.Event(), log.ahead, log.commit)
    return settling, turn, asyncio.create_task(turn.run(None))


async def with_the_last_batch_writing(log: Log) -> tuple[Settling, Turn, asyncio.Task[None]]:
    """The first poll has two batches: one has had its effect, and of the other only writing is left."""
    settling, turn, running = started(log, 4)
    settling.writes[0].set()
    settling.ends[0].set_result(None)
    settling.writes[1].set()
    await a_while()
    return settling, turn, running


async def test_the_first_batch_of_the_next_poll_begins_while_the_last_one_is_written() -> None:
    log = Log(poll(0, [0, 1]), poll(2, [0, 1]))
    settling, turn, running = await with_the_last_batch_writing(log)
    assert (settling.begun, turn.done, log.committed) == ([0, 1, 2], 1, [])
    settling.ends[1].set_result(None)
    settling.writes[2].set()
    await a_while()
    assert (settling.begun, log.committed) == ([0, 1, 2, 3], [2]), "the first poll has had its effect"
    settling.writes[3].set()
    settling.ends[2].set_result(None)
    settling.ends[3].set_result(None)
    await running
    assert (turn.done, turn.positions) == (2, {PLACE: 4}), "the first poll is forgotten"


@pytest.mark.parametrize(
    "following",
    [
        poll(2, [0, 1], generation=2),
        poll(2, [1, 0]),
        poll(2, [0], IN_ORDER),
        Polled([], 1),
    ],
    ids=["another assignment", "the same lane", "another subscription", "nothing"],
)
async def test_it_does_not_go_on_with(following: Polled) -> None:
    log = Log(poll(0, [0, 1]), following)
    settling, turn, running = started(log, 4)
    for number in (0, 1):
        settling.writes[number].set()
    settling.ends[0].set_result(None)
    await a_while()
    assert (settling.begun, running.done()) == ([0, 1], False)
    settling.ends[1].set_result(None)
    await running
    assert (settling.begun, turn.positions, log.committed) == ([0, 1], {PLACE: 2}, [])
    assert await log.ahead.polled() is following, "whoever runs the turn gets it"


async def test_an_interruption_ends_it_before_the_next_poll() -> None:
    interrupt = asyncio.Event()
    log = Log(poll(0, [0, 1]), poll(2, [0, 1]))
    settling, turn, running = started(log, 4, interrupt)
    settling.writes[0].set()
    settling.ends[0].set_result(None)
    await a_while()
    interrupt.set()
    settling.writes[1].set()
    settling.ends[1].set_result(None)
    await running
    assert (settling.begun, turn.positions) == ([0, 1], {PLACE: 2})


async def test_where_the_last_batch_of_a_poll_fails_nothing_after_it_counts() -> None:
    log = Log(poll(0, [0, 1]), poll(2, [0, 1]))
    settling, turn, running = await with_the_last_batch_writing(log)
    settling.ends[1].set_exception(Interrupted())
    await a_while()
    assert not running.done(), "the one after it is under way"
    settling.writes[2].set()
    settling.ends[2].set_result(None)
    with pytest.raises(Interrupted):
        await running
    assert (settling.begun, turn.positions, log.committed) == ([0, 1, 2], {PLACE: 1}, [])


@pytest.mark.parametrize("fails_at", [None, 3, 17, 41])
async def test_however_many_polls_all_is_settled_and_a_position_never_passes_what_is_not(
    fails_at: int | None,
) -> None:
    offsets = count()
    polls = []
    for _ in range(6):
        records = [Record("orders", 0, next(offsets), b"k%d" % (each % 7), b"c%d" % (each % 11)) for each in range(40)]
        polls.append(Polled(in_batches(records, [BY_BUYER], 6), 1))
    log, settled, least = Log(*polls[1:]), set[int](), list[int]()

    async def settle(_: Subscription, batch: Batch, writing: Callable[[], None]) -> None:
        await asyncio.sleep(0)
        writing()
        await asyncio.sleep(0)
        if len(settled) >= 5 * (fails_at or 1_000):
            raise Interrupted
        settled.update(record.offset for record in batch.records)

    async def commit(ends: Mapping[TopicPartition, int]) -> None:
        least.append(ends[PLACE])
        assert set(range(ends[PLACE])) <= settled

    turn = Turn(polls[0], settle, asyncio.Event(), log.ahead, commit)
    ended = await asyncio.gather(turn.run(None), return_exceptions=True)
    if turn.done:
        await commit(turn.positions)
    assert least == sorted(least)
    if fails_at is None:
        assert ended[0] is None
        assert (settled, least[-1]) == (set(range(240)), 240)
        assert len(least) == len(polls), "one turn, and a position for each of its polls"
    else:
        assert isinstance(ended[0], Interrupted)
        assert len(settled) < 240
