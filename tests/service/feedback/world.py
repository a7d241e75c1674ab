"""The feedback service running for a test, on a clock that the test moves; events go straight to the handlers."""

import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.topics import event_key, topic_of
from comeback_kit.consumer import Context
from comeback_kit.events import Event
from comeback_kit.log.postgres import PostgresLog
from feedback.app import create_app
from feedback.consumers import SUBSCRIPTIONS
from feedback.settings import Settings
from tests.support.apps import Clock, ServiceUnderTest, service_app
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
PUBLIC = "http://shop.test"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Json = dict[str, Any]
_HANDLERS = {one.topic: one.handler for one in SUBSCRIPTIONS}
_numbers = itertools.count(1)
_LOGS: dict[str, str] = {}


def instant(at: datetime) -> str:
    """RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def event(kind: str, data: Json, *, at: datetime, shop: str = "demo", event_id: str | None = None) -> Event:
    """An event as the kit hands it to a handler."""
    made = make_event(
        id=event_id or f"e{next(_numbers)}",
        source="api",
        type=kind,
        time=at,
        shop_id=shop,
        subject=event_key(kind, shop, data),
        data=data,
    )
    return msgspec.json.decode(encode(made), type=Event)


def order(
    order_id: str = "1001",
    customer: str | None = "c1",
    *,
    at: datetime,
    kind: str = "order.placed",
    shop: str = "demo",
    locale: str | None = None,
    **changes: Any,
) -> Event:
    """An event of a small paid order; ``at`` is the time of the event and its ``updated_at``."""
    data = {
        "order_id": order_id,
        "state": "open",
        "payment_state": "paid",
        "fulfilment_state": "unfulfilled",
        "currency": "EUR",
        "channel": "web",
        "lines": [{"line_id": "1", "title": "Coffee", "quantity": 2, "unit_price": 1000, "total": 2000}],
        "total": 2000,
        "placed_at": instant(at),
        "updated_at": instant(at),
        **changes,
    }
    if customer is not None:
        data["customer"] = {"customer_id": customer} | ({} if locale is None else {"locale": locale})
    return event(kind, {"order": {key: value for key, value in data.items() if value is not None}}, at=at, shop=shop)


def delivered(order_id: str = "1001", customer: str | None = "c1", *, at: datetime, **changes: Any) -> Event:
    """The same order, delivered at ``at``."""
    return order(
        order_id,
        customer,
        at=at,
        **{
            "kind": "order.delivered",
            "fulfilment_state": "delivered",
            "delivered_at": instant(at),
            "placed_at": instant(at - timedelta(days=3)),
            **changes,
        },
    )


def customer(kind: str, data: Json, *, at: datetime, shop: str = "demo") -> Event:
    """``customer.<kind>``."""
    return event(f"customer.{kind}", data, at=at, shop=shop)


def shop_event(*, at: datetime, shop: str = "demo", **changes: Any) -> Event:
    """``shop.upserted``."""
    data = {"shop_id": shop, "name": "Röstwerk", "currency": "EUR", "time_zone": "UTC", "locale": "en", **changes}
    return event("shop.upserted", data, at=at, shop=shop)


def hidden_fields(html: str) -> dict[str, str]:
    """What a browser sends along with a form."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html))


class World:
    """One running service with one shop."""

    def __init__(self, service: ServiceUnderTest, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.client = service.client("demo")
        self.visitor = service.anonymous(headers=HTML)

    @property
    def now(self) -> datetime:
        return self.clock.now

    def later(self, **parts: float) -> datetime:
        """Move the clock on."""
        self.clock.now += timedelta(**parts)
        return self.clock.now

    async def take(self, *events: Event) -> None:
        """Hand events to the service, consecutive ones of a topic in one batch and one transaction."""
        for topic, group in itertools.groupby(events, key=lambda one: topic_of(one.type)):
            await self.batch(topic, list(group))

    async def batch(self, topic: str, events: Sequence[Event]) -> None:
        """One batch in one transaction, as the consumer runs it."""
        async with self.service.runtime.db.work() as tx:
            await _HANDLERS[topic](tx, events, Context(self.now, self.service.runtime))

    async def ring(self) -> None:
        """Let every timer that is due by the clock have its effect."""

        async def none_due() -> bool:
            return not await self.rows("select 1 from timers where due_at <= $1", self.now)

        self.service.runtime.wake_timers()
        await eventually(none_due)

    async def rows(self, query: str, *values: Any) -> list[Json]:
        """Rows of the service's own database."""
        async with self.service.runtime.db.work() as tx:
            return [dict(row) for row in await tx.fetch(query, *values)]

    async def events(self, kind: str | None = None) -> list[Event]:
        """What the service has committed to publish, oldest first."""
        rows = await self.rows("select value from outbox order by id")
        found = [msgspec.json.decode(row["value"], type=Event) for row in rows]
        return [one for one in found if kind is None or one.type == kind]

    async def requested(self) -> list[Json]:
        """The data of every ``survey.requested``."""
        return [msgspec.json.decode(one.data) for one in await self.events("survey.requested")]

    async def invitations(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """State and reason by (order, survey); of superseded ones nothing."""
        rows = await self.rows("select * from invitations where state <> 'superseded' order by invitation_id")
        found = {(row["order_id"], row["survey_id"]): (row["state"], row["reason"]) for row in rows}
        assert len(found) == len(rows), rows
        return found

    async def get(self, path: str, *, expect: int = 200, **params: Any) -> Any:
        """The answer of a GET with a shop key."""
        answer = await self.client.get(f"/v1/feedback/{path}", params=params)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def score(self, metric: str = "nps", **params: Any) -> Json:
        """``GET /scores``."""
        found: Json = await self.get("scores", metric=metric, **params)
        return found

    async def responses(self, **params: Any) -> list[Json]:
        """``GET /responses``."""
        found: list[Json] = (await self.get("responses", limit=100, **params))["items"]
        return found

    async def put_survey(self, document: Mapping[str, Any], survey_id: str = "nps", expect: int = 200) -> Json:
        """``PUT /surveys/{id}``."""
        answer = await self.client.put(f"/v1/feedback/surveys/{survey_id}", json=document)
        assert answer.status_code == expect, answer.text
        found: Json = answer.json()
        return found

    async def link(self, order_id: str = "1001") -> str:
        """The path of the order's survey link, as the thank-you page gets it."""
        survey = (await self.get(f"orders/{order_id}/post-purchase"))["survey"]
        assert survey is not None
        url: str = survey["url"]
        assert url.startswith(f"{PUBLIC}/f/")
        return url.removeprefix(PUBLIC)

    async def open(self, path: str, *, expect: int = 200, language: str = "") -> str:
        """The page at a link, as a browser gets it."""
        answer = await self.visitor.get(path, headers={"Accept-Language": language})
        assert answer.status_code == expect, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    async def send(self, path: str, fields: Mapping[str, Any], *, expect: int = 200) -> str:
        """A form sent by a browser, with the hidden fields of the page that it was on."""
        answer = await self.visitor.post(path, data=dict(fields))
        assert answer.status_code == expect, answer.text
        return answer.text

    async def fill_in(self, path: str, fields: Mapping[str, Any], *, page: str | None = None, expect: int = 200) -> str:
        """Open the page (or go on from ``page``), fill it in, send it."""
        html = await self.open(path) if page is None else page
        return await self.send(path, {**hidden_fields(html), **fields}, expect=expect)

    def json(self) -> httpx.AsyncClient:
        """A program without credentials that reads JSON."""
        return self.service.anonymous(headers={"Accept": "application/json"})


@contextlib.asynccontextmanager
async def world(postgres: TestServer, **settings: Any) -> AsyncIterator[World]:
    """Run the service with the demo shop. Nothing goes through the log: neither consumer nor relay run."""
    clock = Clock(START)
    log = PostgresLog(await _unused_log(postgres))
    await log.start()
    try:
        async with service_app(
            create_app,
            Settings,
            postgres,
            service="feedback",
            clock=clock,
            roles="api,timers",
            public_url=PUBLIC,
            log=log,
            **settings,
        ) as service:
            running = World(service, clock)
            async with running.client, running.visitor:
                await running.take(shop_event(at=clock.now))
                yield running
    finally:
        await log.stop()


async def _unused_log(postgres: TestServer) -> str:
    """One log for all tests that append nothing: a new database each would cost more than the tests."""
    if postgres.url not in _LOGS:
        _LOGS[postgres.url] = await postgres.empty()
    return _LOGS[postgres.url]
