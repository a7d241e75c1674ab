"""What a running recommendations service has beside the kit's runtime."""

import asyncio
from dataclasses import dataclass, field

from comeback_kit.runtime import Runtime
from recommendations.journal import Journal
from recommendations.memory.shops import Shops
from recommendations.settings import Settings

_KEY = "recommendations"


@dataclass
class ServiceState:
    """One process's settings, shops in memory and journal, and the bells of its workers."""

    settings: Settings
    shops: Shops
    journal: Journal
    followups_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    backtests_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def wake_follower(self) -> None:
        """Say that the running transaction may leave changes that others follow."""
        self.shops.wake()
        self.followups_wanted.set()


def set_state(runtime: Runtime, state: ServiceState) -> None:
    """Put the state where ``state_of`` finds it; once, before anything runs."""
    runtime.state[_KEY] = state


def state_of(runtime: Runtime) -> ServiceState:
    """The state of a running service."""
    state = runtime.state[_KEY]
    if not isinstance(state, ServiceState):
        raise TypeError("the recommendations service has not been wired")
    return state
