"""Processes that die at the worst moment: ``python -m tests.service.kit.killed consumer|relay DATABASE_URL LOG_URL``.

The moment is chosen here, not in the kit: the log that they are given kills the process after the call.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from comeback_kit.consumer import Consumer
from comeback_kit.log import Entry, EventLog, LogConsumer, TopicPartition, open_log
from comeback_kit.outbox import Relay
from tests.service.kit.plumbing import NOTES, running


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


async def consume_and_die_before_the_offset(database_url: str, log: EventLog) -> None:
    async with running(database_url, log) as runtime:
        consumer = Consumer(runtime, [NOTES], batch=50)
        member: LogConsumer = consumer._log

        async def commit(positions: Mapping[TopicPartition, int]) -> None:
            die()

        member.commit = commit  # type: ignore[method-assign]  # the failpoint
        await consumer.start()
        await asyncio.sleep(60)


async def publish_and_die_before_the_delete(database_url: str, log: EventLog) -> None:
    append = log.append

    async def append_and_die(entries: Sequence[Entry], *, first: Sequence[Entry] = ()) -> None:
        await append(entries, first=first)
        die()

    log.append = append_and_die  # type: ignore[method-assign]  # the failpoint
    async with running(database_url, log) as runtime:
        await Relay(runtime).start()
        await asyncio.sleep(60)


async def main(what: str, database_url: str, log_url: str) -> None:
    log = open_log(log_url)
    await log.start()
    if what == "consumer":
        await consume_and_die_before_the_offset(database_url, log)
    else:
        await publish_and_die_before_the_delete(database_url, log)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
