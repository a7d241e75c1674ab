"""What is done before its turn waits for its moment, belongs to what was polled, and can be given up."""

import asyncio
from collections.abc import Sequence

import pytest

from comeback_kit.ahead import Ahead, Polled
from comeback_kit.batching import Part
from comeback_kit.db import Connection
from comeback_kit.delivery import Batch
from comeback_kit.events import Event
from comeback_kit.log.port import Record
from comeback_kit.settling import Context, Subscription


async def nothing(tx: Connection, events: Sequence[Event], context: Context) -> None: ...


THINGS = Subscription("t", nothing)


class Source:
    """Polls that give one record each, or fail; batches that remember what they are of."""

    def __init__(self) -> None:
        self.polls = 0
        self.reads: list[int] = []
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.ahead = Ahead(self.poll, self.read)

    async def poll(self) -> Polled:
        await self.gate.wait()
        self.polls += 1
        if self.fails:
            raise ConnectionError
        return Polled([Part(THINGS, [Record("t", 0, self.polls, b"", b"", None)])], 7)

    async def read(self, polled: Polled) -> Batch:
        records = polled.work[0].records
        self.reads.append(records[0].offset)
        return Batch(records, [], {})


async def a_while() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nothing_happens_before_its_moment() -> None:
    source, moment = Source(), asyncio.Event()
    source.ahead.poll(moment)
    source.ahead.read()
    await a_while()
    assert (source.polls, source.reads) == (0, [])
    moment.set()
    await a_while()
    assert (source.polls, source.reads) == (1, [1])
    polled = await source.ahead.polled()
    batch = await source.ahead.batch_of(polled)
    assert (polled.generation, batch is not None and batch.records is polled.work[0].records) == (7, True)


async def test_without_a_poll_ahead_it_is_done_now_and_nothing_was_read() -> None:
    source, moment = Source(), asyncio.Event()
    moment.set()
    source.ahead.read()
    polled = await source.ahead.polled()
    assert await source.ahead.batch_of(polled) is None
    assert (source.polls, source.reads) == (1, [])


async def test_a_batch_of_other_records_is_not_given_out() -> None:
    source, moment = Source(), asyncio.Event()
    moment.set()
    source.ahead.poll()
    source.ahead.read()
    await a_while()
    await source.ahead.polled()
    others = await source.ahead.polled()
    assert await source.ahead.batch_of(others) is None


async def test_what_is_given_up_is_neither_polled_nor_read() -> None:
    source, moment = Source(), asyncio.Event()
    source.ahead.poll(moment)
    source.ahead.read()
    await a_while()
    await source.ahead.leave()
    moment.set()
    await a_while()
    assert (source.polls, source.reads) == (0, [])
    polled = await source.ahead.polled()
    assert await source.ahead.batch_of(polled) is None


async def test_a_poll_that_fails_fails_for_whoever_asks_and_the_next_one_is_another() -> None:
    source, moment = Source(), asyncio.Event()
    moment.set()
    source.fails = True
    source.ahead.poll()
    source.ahead.read()
    with pytest.raises(ConnectionError):
        await source.ahead.polled()
    source.fails = False
    polled = await source.ahead.polled()
    assert await source.ahead.batch_of(polled) is None
    assert source.reads == []


async def test_whoever_stops_waiting_for_a_poll_ends_it() -> None:
    source = Source()
    source.gate.clear()
    source.ahead.poll()
    waiting = asyncio.create_task(source.ahead.polled())
    await a_while()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    source.gate.set()
    await a_while()
    assert source.polls == 0
