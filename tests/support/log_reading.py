"""Reading and writing a running Comeback's log from outside, as another program on the bus would."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator

from comeback_kit.log import EventLog, Record, open_log


@contextlib.asynccontextmanager
async def log_at(url: str) -> AsyncIterator[EventLog]:
    """The log, opened once more."""
    log = open_log(url)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


async def read_all(log: EventLog, topic: str, *, within: float = 20.0) -> list[Record]:
    """Every record that the topic holds now."""
    ends = await log.end_offsets([topic])
    wanted = {place for place, end in ends.items() if end}
    member = log.consumer(f"reader-{uuid.uuid4().hex[:8]}", [topic])
    await member.start()
    found: list[Record] = []
    deadline = time.monotonic() + within
    done = dict.fromkeys(wanted, 0)
    try:
        while any(done[place] < ends[place] for place in wanted):
            assert time.monotonic() < deadline, f"{topic}: read {done} of {ends}"
            for record in await member.poll(1000, 0.2):
                found.append(record)
                for place in wanted:
                    if (place.topic, place.partition) == (record.topic, record.partition):
                        done[place] = max(done[place], record.offset + 1)
    finally:
        await member.stop()
    return found
