"""The loyalty service: the only place where its parts are put together."""

from fastapi import FastAPI

from comeback_contracts import topics
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.runtime import Clock
from comeback_kit.service import ServiceDefinition, create_service_app
from loyalty.consumers import SUBSCRIPTIONS, TIMERS
from loyalty.due_work import watching
from loyalty.keeping import PRUNES
from loyalty.routes import data, me, members, orders, program, redemptions, reports, rewards
from loyalty.settings import Settings

NAME = "loyalty"


def _topics() -> list[TopicSpec]:
    names = [subscription.topic for subscription in SUBSCRIPTIONS]
    wanted = [topics.TOPICS[name] for name in (*names, topics.LOYALTY, topics.dead_letter(NAME))]
    return [TopicSpec(one.name, one.partitions, one.retention, one.compacted) for one in wanted]


def create_app(settings: Settings | None = None, *, log: EventLog | None = None, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI app. Raises pydantic's ``ValidationError`` for settings that are missing or wrong."""
    definition = ServiceDefinition(
        name=NAME,
        title="Comeback loyalty",
        description="Points, tiers and rewards on a double-entry ledger.",
        routers=(
            program.router,
            me.router,
            members.router,
            redemptions.router,
            rewards.router,
            orders.router,
            reports.router,
            data.router,
            data.streams,
        ),
        topics=_topics(),
        subscriptions=SUBSCRIPTIONS,
        timers=TIMERS,
        background=(watching,),
        prunes=PRUNES,
    )
    return create_service_app(definition, settings or Settings(), log=log, clock=clock)
