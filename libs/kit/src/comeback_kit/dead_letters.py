"""Events that a service gave up: how they are kept, and how they are put back.

``python -m comeback_kit.dead_letters replay --service loyalty --log-url kafka://…`` appends the originals to the topics
that they came from. It remembers how far it came, so that running it again repeats nothing; ``--dry-run`` only shows.
Every reader of those topics gets them once more, which readers take.
"""

import argparse
import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from comeback_kit.events import OutgoingEvent
from comeback_kit.log import Entry, EventLog, LogConsumer, Record, TopicPartition, open_log
from comeback_kit.log.port import MAX_ENTRY_BYTES

_REASON_MOST: Final = 2_000
_QUIET_SECONDS: Final = 1.0
_NOTHING: Final = msgspec.Raw()  # one object: a field is left out where it is its very default


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One given-up record. ``event`` is the original where it is JSON, else it is empty and ``value_base64`` has it."""

    reason: str
    service: str
    topic: str
    partition: int
    offset: int
    key: str
    at: datetime
    headers: dict[str, str] | None = None
    key_base64: str | None = None
    event: msgspec.Raw = _NOTHING  # not optional: msgspec reads no union with Raw
    value_base64: str | None = None

    def original(self) -> Entry:
        """The record as it was. A key that is no text comes back with its bytes replaced."""
        value = bytes(self.event) or base64.b64decode(self.value_base64 or "")
        return Entry(self.topic, self.key, value, self.headers)


def topic_of(service: str) -> str:
    """The dead-letter topic of a service."""
    return f"comeback.{service}.dead-letter.v1"


def letter(service: str, record: Record, reason: str, now: datetime) -> OutgoingEvent:
    """A record on its way to the dead letters of a service: why, where it was, and the original to the byte."""
    key = record.key.decode("utf-8", "replace").replace("\x00", "�")
    plain = _is_json(record.value)
    document = Letter(
        reason=reason.replace("\x00", "�")[:_REASON_MOST],
        service=service,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=key,
        at=now,
        headers=record.headers,
        key_base64=None if key.encode() == record.key else base64.b64encode(record.key).decode(),
        event=msgspec.Raw(record.value) if plain else _NOTHING,
        value_base64=None if plain else base64.b64encode(record.value).decode(),
    )
    return OutgoingEvent(topic_of(service), key, msgspec.json.encode(document))


def _is_json(value: bytes) -> bool:
    if len(value) > MAX_ENTRY_BYTES // 2:
        return False
    try:
        msgspec.json.decode(value)
        value.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


async def replay(log: EventLog, service: str, *, limit: int | None = None, dry_run: bool = False) -> list[Letter]:
    """Put the dead letters of a service back to where they came from, at most ``limit``; answer what was put back.

    Those that came after the call began are left for the next one. Raises ``LogUnavailable``; run it again then.
    """
    topic = topic_of(service)
    group = f"comeback.{service}.dead-letter.replay"
    ends = await log.end_offsets([topic])
    start = await log.committed(group, [topic])
    waiting = {place for place, end in ends.items() if start.get(place, 0) < end}
    done: list[Letter] = []
    async with _reading(log, group, topic) as member:
        while waiting and (limit is None or len(done) < limit):
            records = await member.poll(100, _QUIET_SECONDS)
            records = [each for each in records if each.offset < ends[TopicPartition(topic, each.partition)]]
            if limit is not None:
                records = records[: limit - len(done)]
            letters = [msgspec.json.decode(each.value, type=Letter) for each in records]
            done += letters
            if records and not dry_run:
                await log.append([each.original() for each in letters])
                await member.commit(_after(records))
            waiting -= {place for place, lag in member.lags().items() if lag == 0}
            waiting -= {place for place, at in _after(records).items() if at >= ends[place]}
    return done


@contextlib.asynccontextmanager
async def _reading(log: EventLog, group: str, topic: str) -> AsyncIterator[LogConsumer]:
    member = log.consumer(group, [topic])
    await member.start()
    try:
        yield member
    finally:
        await member.stop()


def _after(records: Iterable[Record]) -> dict[TopicPartition, int]:
    return {TopicPartition(each.topic, each.partition): each.offset + 1 for each in records}


def main(arguments: list[str] | None = None) -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m comeback_kit.dead_letters")
    command = parser.add_subparsers(required=True).add_parser("replay", help="put dead letters back on their topics")
    command.add_argument("--service", required=True, help="loyalty, feedback, notifications or recommendations")
    command.add_argument("--log-url", required=True, help="kafka://host:port or postgresql://… (the table log)")
    command.add_argument("--limit", type=int, help="at most so many")
    command.add_argument("--dry-run", action="store_true", help="show them and leave them where they are")
    asyncio.run(_command(parser.parse_args(arguments)))
    return 0


async def _command(given: Any) -> None:
    log = open_log(given.log_url)
    await log.start()
    try:
        letters = await replay(log, given.service, limit=given.limit, dry_run=given.dry_run)
    finally:
        await log.stop()
    for each in letters:
        sys.stdout.write(f"{each.topic}/{each.partition}/{each.offset} {each.key}: {each.reason}\n")
    sys.stdout.write(f"{len(letters)} {'found' if given.dry_run else 'put back'}\n")


if __name__ == "__main__":
    sys.exit(main())
