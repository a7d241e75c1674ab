"""What a running recommendations service has beside the kit's runtime."""

from dataclasses import dataclass

from comeback_kit.runtime import Runtime
from recommendations.memory.shops import Shops
from recommendations.settings import Settings

_KEY = "recommendations"


@dataclass
class ServiceState:
    """One process's settings and shops in memory."""

    settings: Settings
    shops: Shops

    def wake_follower(self) -> None:
        """Say that the running transaction may leave changes that the shops in memory are to take."""
        self.shops.wake()


def set_state(runtime: Runtime, state: ServiceState) -> None:
    """Put the state where ``state_of`` finds it; once, before anything runs."""
    runtime.state[_KEY] = state


def state_of(runtime: Runtime) -> ServiceState:
    """The state of a running service."""
    state = runtime.state[_KEY]
    if not isinstance(state, ServiceState):
        raise TypeError("the recommendations service has not been wired")
    return state
