"""The recommendations service: the only place where its parts are put together."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from fastapi import FastAPI

from comeback_contracts import topics
from comeback_kit.health import NotReady
from comeback_kit.log.port import EventLog, TopicSpec
from comeback_kit.runtime import Clock, Runtime
from comeback_kit.service import ServiceDefinition, create_service_app
from comeback_kit.settings import ServiceSettings
from recommendations import followups
from recommendations.backtest import jobs
from recommendations.consumers import SUBSCRIPTIONS, TIMERS
from recommendations.journal import Journal
from recommendations.memory.shops import Shops
from recommendations.routes import attribution, backtests, baskets, customers, orders, placements, products
from recommendations.service_state import ServiceState, set_state, state_of
from recommendations.settings import Settings

NAME = "recommendations"


def _topics() -> list[TopicSpec]:
    names = [subscription.topic for subscription in SUBSCRIPTIONS]
    wanted = [topics.TOPICS[name] for name in (*names, topics.RECOMMENDATIONS, topics.dead_letter(NAME))]
    return [TopicSpec(one.name, one.partitions, one.retention, one.compacted) for one in wanted]


def _holds_memory(settings: ServiceSettings) -> bool:
    """Reads are answered from memory, and what follows from orders is planned by it."""
    return bool(settings.roles & {"api", "timers"})


async def _rebuilt(runtime: Runtime) -> None:
    progress = state_of(runtime).shops.rebuilding() if _holds_memory(runtime.settings) else None
    if progress is not None:
        raise NotReady(f"rebuilding from the database: {progress}")


async def _following(runtime: Runtime) -> Mapping[str, int]:
    memory = await state_of(runtime).shops.behind() if _holds_memory(runtime.settings) else 0
    return {"memory": memory, "followups": await followups.behind(runtime)}


def create_app(settings: Settings | None = None, *, log: EventLog | None = None, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI app. Raises pydantic's ``ValidationError`` for settings that are missing or wrong."""
    chosen = settings or Settings()

    @contextlib.asynccontextmanager
    async def opening(runtime: Runtime) -> AsyncIterator[None]:
        state = ServiceState(chosen, Shops(runtime, chosen), Journal(runtime))
        set_state(runtime, state)
        async with contextlib.AsyncExitStack() as stack:
            if _holds_memory(chosen):
                await stack.enter_async_context(state.shops.running())
                await stack.enter_async_context(state.journal.running())
            yield

    definition = ServiceDefinition(
        name=NAME,
        title="Comeback recommendations",
        description="What to offer next: for a product, a basket, an order and a customer, with the evidence.",
        routers=(
            products.router,
            orders.router,
            baskets.router,
            customers.router,
            placements.router,
            attribution.router,
            backtests.router,
        ),
        topics=_topics(),
        subscriptions=SUBSCRIPTIONS,
        timers=TIMERS,
        opening=(opening,),
        background=(followups.running, jobs.running),
        idle=(_following,),
        ready=(_rebuilt,),
    )
    return create_service_app(definition, chosen, log=log, clock=clock)
