"""Events of committed transactions, on their way to the log."""

from collections.abc import Sequence

from comeback_kit.db import Connection
from comeback_kit.events import OutgoingEvent
from comeback_kit.runtime import Runtime


async def add(tx: Connection, events: Sequence[OutgoingEvent]) -> None:
    """Put events into the outbox: they are published, in this order per key, when the transaction has committed."""
    raise NotImplementedError


async def pending(runtime: Runtime) -> int:
    """How many committed events have not been acknowledged by the log."""
    raise NotImplementedError


class Relay:
    """Publishes the outbox of one service. Any number may run: each shard has one leader."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def start(self) -> None:
        """Start the loop; also with the database or the log away."""

    async def stop(self, timeout: float = 2.0) -> None:
        """A last pass, then stop; at the latest after ``timeout`` seconds."""
