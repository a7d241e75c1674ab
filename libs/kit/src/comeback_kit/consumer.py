"""The batch consumer: poll, one transaction a topic, then the offset."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from comeback_kit.db import Connection
from comeback_kit.events import Event
from comeback_kit.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets beside its events: the runtime's clock read once a batch, and the runtime."""

    now: datetime
    runtime: Runtime


BatchHandler: TypeAlias = Callable[[Connection, Sequence[Event], Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic of a service.

    ``types``: the types that the topic may carry; another one is poison (None: any). ``inbox``: the handler gets only
    events not seen before; False where the effect is idempotent by its own key. Higher ``priority`` first in a batch.
    """

    topic: str
    handler: BatchHandler
    types: frozenset[str] | None = None
    inbox: bool = True
    priority: int = 0


class Consumer:
    """Runs the subscriptions of one service as one member of its consumer group."""

    def __init__(self, runtime: Runtime, subscriptions: Sequence[Subscription], *, batch: int = 1000) -> None:
        self._runtime = runtime
        self._subscriptions = subscriptions
        self._batch = batch

    @property
    def healthy(self) -> bool:
        """False when the loop died or stands still although there are records: the process should be restarted."""
        return True

    async def start(self) -> None:
        """Join the group and start the loop; also with the database or the log away."""

    async def stop(self, timeout: float = 4.0) -> None:
        """Finish and commit the running batch, then leave; at the latest after ``timeout`` seconds."""


async def lag(runtime: Runtime, subscriptions: Sequence[Subscription]) -> dict[str, int]:
    """Records per topic, of those in the log now, whose effects the service has not committed."""
    raise NotImplementedError
