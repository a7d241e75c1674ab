"""The notifications service: the only place where its parts are put together."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from comeback_contracts import topics
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.runtime import Clock, Runtime
from comeback_kit.service import ServiceDefinition, create_service_app
from notifications.consumers import SUBSCRIPTIONS, TIMERS
from notifications.dispatch import dispatching, not_handed_over
from notifications.folder import MailFolder
from notifications.keeping import keeping
from notifications.routes import hosted, mailbox, messages, preferences
from notifications.service_state import ServiceState, set_state
from notifications.settings import Settings
from notifications.smtp import SmtpTransport
from notifications.transport import Transport

NAME = "notifications"


def _topics() -> list[TopicSpec]:
    names = [subscription.topic for subscription in SUBSCRIPTIONS]
    wanted = [topics.TOPICS[name] for name in (*names, topics.NOTIFICATIONS, topics.dead_letter(NAME))]
    return [TopicSpec(one.name, one.partitions, one.retention, one.compacted) for one in wanted]


def _transport(settings: Settings) -> Transport:
    url = settings.smtp()
    if url is None:
        return MailFolder(settings.mail_dir)
    return SmtpTransport(url, connections=settings.mail_connections, timeout=settings.mail_timeout)


def create_app(settings: Settings | None = None, *, log: EventLog | None = None, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI app. Raises pydantic's ``ValidationError`` for settings that are missing or wrong."""
    chosen = settings or Settings()

    @contextlib.asynccontextmanager
    async def opening(runtime: Runtime) -> AsyncIterator[None]:
        set_state(runtime, ServiceState(chosen, _transport(chosen)))
        yield

    definition = ServiceDefinition(
        name=NAME,
        title="Comeback notifications",
        description="Messages after the purchase: what was sent, what was not and why.",
        routers=(messages.router, preferences.router, hosted.router, mailbox.router),
        topics=_topics(),
        subscriptions=SUBSCRIPTIONS,
        timers=TIMERS,
        opening=(opening,),
        background=(dispatching, keeping),
        idle=(not_handed_over,),
    )
    return create_service_app(definition, chosen, log=log, clock=clock)
