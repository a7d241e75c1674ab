"""What a running notifications service has beside the kit's runtime."""

import asyncio
from dataclasses import dataclass, field

from comeback_kit.runtime import Runtime
from notifications.settings import Settings
from notifications.shop_secrets import SecretStore
from notifications.transport import Transport

_KEY = "notifications"


@dataclass
class ServiceState:
    """One process's secrets, way out, and the bell that tells the dispatcher of messages that became due."""

    settings: Settings
    transport: Transport
    secrets: SecretStore = field(default_factory=SecretStore)
    dispatch_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def wake_dispatch(self) -> None:
        """Say that the running transaction may leave messages that are due."""
        self.dispatch_wanted.set()


def set_state(runtime: Runtime, state: ServiceState) -> None:
    """Put the state where ``state_of`` finds it; once, before anything runs."""
    runtime.state[_KEY] = state


def state_of(runtime: Runtime) -> ServiceState:
    """The state of a running service."""
    state = runtime.state[_KEY]
    if not isinstance(state, ServiceState):
        raise TypeError("the notifications service has not been wired")
    return state
