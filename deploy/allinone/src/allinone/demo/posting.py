"""Posting to a running Comeback through its public API, with a progress bar."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import aiohttp

BATCH = 400
TRIES = 8


class DemoFailed(Exception):
    """The demo cannot go on; the message says what to do."""


class Progress:
    """One line on a terminal, one line per tenth elsewhere."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done, self._shown = label, max(total, 1), 0, -1

    def add(self, count: int) -> None:
        self._done += count
        tenth = 10 * self._done // self._total
        if sys.stderr.isatty():
            bar = "█" * (30 * self._done // self._total)
            end = "\n" if self._done >= self._total else ""
            sys.stderr.write(f"\r{self._label:<12} {bar:<30} {self._done:>7,}/{self._total:,}{end}")
        elif tenth > self._shown:
            sys.stderr.write(f"{self._label}: {self._done:,} of {self._total:,}\n")
        sys.stderr.flush()
        self._shown = tenth


class Api:
    """The few calls that the demo makes."""

    def __init__(self, session: aiohttp.ClientSession, base: str, key: str) -> None:
        self._session, self._base = session, base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body of a GET."""
        async with self._session.get(self._base + path, headers=self._headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def form(self, url: str, fields: dict[str, str]) -> int:
        """Status of a form post to a hosted page."""
        async with self._session.post(url, data=fields, allow_redirects=False) as answer:
            return answer.status

    async def post(self, events: Sequence[dict[str, Any]]) -> None:
        """Post a batch of events; waits and tries again while the log is away. Raises ``DemoFailed``."""
        for attempt in range(TRIES):
            async with self._session.post(
                f"{self._base}/v1/events", json={"events": list(events)}, headers=self._headers
            ) as answer:
                body = await answer.json(content_type=None)
                if answer.status == 202:
                    rejected = [result for result in body["results"] if result["status"] != "accepted"]
                    if rejected:
                        raise DemoFailed(f"{len(rejected)} events were rejected, the first: {json.dumps(rejected[0])}")
                    return
                if answer.status not in (429, 503):
                    raise DemoFailed(f"POST /v1/events answered {answer.status}: {json.dumps(body)[:500]}")
            await asyncio.sleep(min(5.0, 0.2 * 2**attempt))
        raise DemoFailed("the event log stayed away; is Comeback still running?")


async def post_all(api: Api, label: str, events: Sequence[dict[str, Any]]) -> None:
    """Post events in batches, in their order."""
    progress = Progress(label, len(events))
    for batch in _batches(events):
        await api.post(batch)
        progress.add(len(batch))


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(events)
    while batch := list(islice(iterator, BATCH)):
        yield batch
