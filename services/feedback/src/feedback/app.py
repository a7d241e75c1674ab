"""The feedback service: the only place where its parts are put together."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from comeback_contracts import topics
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.runtime import Clock, Runtime
from comeback_kit.service import ServiceDefinition, create_service_app
from feedback.consumers import SUBSCRIPTIONS, TIMERS
from feedback.routes import page, post_purchase, responses, surveys
from feedback.service_state import ServiceState, set_state
from feedback.settings import Settings

NAME = "feedback"


def _topics() -> list[TopicSpec]:
    names = [subscription.topic for subscription in SUBSCRIPTIONS]
    wanted = [topics.TOPICS[name] for name in (*names, topics.FEEDBACK, topics.dead_letter(NAME))]
    return [TopicSpec(one.name, one.partitions, one.retention, one.compacted) for one in wanted]


def create_app(settings: Settings | None = None, *, log: EventLog | None = None, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI app. Raises pydantic's ``ValidationError`` for settings that are missing or wrong."""
    chosen = settings or Settings()

    @contextlib.asynccontextmanager
    async def opening(runtime: Runtime) -> AsyncIterator[None]:
        set_state(runtime, ServiceState(chosen))
        yield

    definition = ServiceDefinition(
        name=NAME,
        title="Comeback feedback",
        description="Surveys after the purchase: who is asked what and when, the answers, and honest scores.",
        routers=(surveys.router, responses.router, post_purchase.router, page.router),
        topics=_topics(),
        subscriptions=SUBSCRIPTIONS,
        timers=TIMERS,
        opening=(opening,),
    )
    return create_service_app(definition, chosen, log=log, clock=clock)
