"""Waiting for something that happens in the background, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], T | Awaitable[T]],
    *,
    within: float = 10.0,
    every: float = 0.02,
    that: Callable[[T], bool] = bool,
) -> T:
    """The probe's first answer that satisfies ``that`` (default: is true).

    An ``AssertionError`` of the probe counts as "not yet". After ``within`` seconds the test fails and shows the last
    answer or assertion.
    """
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            found = probe()
            answer: T = await found if inspect.isawaitable(found) else found
            if that(answer):
                return answer
            last = answer
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; the last answer was {last!r}")
        await asyncio.sleep(every)
