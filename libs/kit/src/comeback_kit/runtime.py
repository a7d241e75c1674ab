"""What a running service has at hand: settings, database, event log, clock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from comeback_kit.db import Database
from comeback_kit.log.port import EventLog
from comeback_kit.settings import ServiceSettings

Clock: TypeAlias = Callable[[], datetime]


def system_clock() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """One running service. ``state`` is the service's own room (an engine, a mail worker)."""

    name: str
    settings: ServiceSettings
    db: Database
    log: EventLog
    clock: Clock = system_clock
    state: dict[str, Any] = field(default_factory=dict)
    relay_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    timers_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def wake_relay(self) -> None:
        """Say that a committed transaction may have left events in the outbox."""
        self.relay_wanted.set()

    def wake_timers(self) -> None:
        """Say that a committed transaction may have set a timer."""
        self.timers_wanted.set()

    def wake(self) -> None:
        """Both: what every commit at the edge calls."""
        self.relay_wanted.set()
        self.timers_wanted.set()
