"""Waiting for something that happens in the background, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    probe: Callable[[], Awaitable[T]], *, within: float = ..., every: float = ..., that: Callable[[T], bool] = ...
) -> T: ...
@overload
async def eventually(
    probe: Callable[[], T], *, within: float = ..., every: float = ..., that: Callable[[T], bool] = ...
) -> T: ...
async def eventually(
    probe: Callable[[], Any], *, within: float = 10.0, every: float = 0.02, that: Callable[[Any], bool] = bool
) -> Any:
    """The probe's first answer that satisfies ``that`` (default: is true).

    An ``AssertionError`` of the probe counts as "not yet". After ``within`` seconds the test fails and shows the last
    answer or assertion.
    """
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            found = probe()
            answer = await found if inspect.isawaitable(found) else found
            if that(answer):
                return answer
            last = answer
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; the last answer was {last!r}")
        await asyncio.sleep(every)
