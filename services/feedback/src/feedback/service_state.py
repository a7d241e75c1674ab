"""What a running feedback service has beside the kit's runtime."""

from dataclasses import dataclass, field

from comeback_kit.runtime import Runtime
from feedback.settings import Settings
from feedback.surveys import SurveyCache

_KEY = "feedback"


@dataclass(frozen=True)
class ServiceState:
    """One process's settings and the survey documents that it has read."""

    settings: Settings
    surveys: SurveyCache = field(default_factory=SurveyCache)


def set_state(runtime: Runtime, state: ServiceState) -> None:
    """Put the state where ``state_of`` finds it; once, before anything runs."""
    runtime.state[_KEY] = state


def state_of(runtime: Runtime) -> ServiceState:
    """The state of a running service."""
    state = runtime.state[_KEY]
    if not isinstance(state, ServiceState):
        raise TypeError("the feedback service has not been wired")
    return state
