"""Durable timers: something is to happen to (shop, kind, ref) at an instant, whatever restarts in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from comeback_kit.consumer import Context
from comeback_kit.db import Connection
from comeback_kit.runtime import Runtime


class Timer(msgspec.Struct, frozen=True):
    """One timer. (shop, kind, ref) is unique: scheduling it again moves it and replaces the payload."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any] = {}


class DueTimer(msgspec.Struct, frozen=True):
    """A timer whose instant has come; already deleted in the handler's transaction. ``attempts``: earlier failures."""

    shop_id: str
    kind: str
    ref: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int


TimerHandler: TypeAlias = Callable[[Connection, Sequence[DueTimer], Context], Awaitable[None]]


async def schedule(tx: Connection, timers: Sequence[Timer]) -> None:
    """Set timers, effective when the transaction commits."""
    raise NotImplementedError


async def cancel(tx: Connection, shop_id: str, kind: str, refs: Sequence[str]) -> None:
    """Remove timers; those that are not there are ignored."""
    raise NotImplementedError


async def due(runtime: Runtime, kinds: Sequence[str]) -> int:
    """How many timers of these kinds are due and not done."""
    raise NotImplementedError


class TimerRunner:
    """Runs due timers, batch by batch; any number of replicas may run."""

    def __init__(self, runtime: Runtime, handlers: Mapping[str, TimerHandler]) -> None:
        self._runtime = runtime
        self._handlers = handlers

    async def start(self) -> None:
        """Start the loop; also with the database away."""

    async def stop(self, timeout: float = 2.0) -> None:
        """Let the running batch end, then stop; at the latest after ``timeout`` seconds."""
