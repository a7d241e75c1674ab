"""The notifications service running for a test: events go in through the log, messages are read through the API."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.topics import event_key, topic_of
from comeback_kit.events import Event
from comeback_kit.log.port import Entry
from notifications.app import create_app
from notifications.settings import Settings
from tests.support.apps import ServiceUnderTest, service_app
from tests.support.postgres import TestServer
from tests.support.waiting import eventually

_numbers = itertools.count(1)
PUBLIC = "http://shop.test"


def instant(at: datetime) -> str:
    """RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ago(**parts: float) -> datetime:
    """That long before now."""
    return datetime.now(UTC) - timedelta(**parts)


def entry(
    kind: str, data: dict[str, Any], *, at: datetime | None = None, event_id: str | None = None, shop: str = "demo"
) -> Entry:
    """An event as it lies on the log."""
    time = at or datetime.now(UTC)
    event = make_event(
        id=event_id or f"e{next(_numbers)}",
        source="api",
        type=kind,
        time=time,
        shop_id=shop,
        subject=event_key(kind, shop, data),
        data=data,
    )
    return Entry(topic_of(kind), event_key(kind, shop, data), encode(event))


def event_of(one: Entry) -> Event:
    """The kit's view of an entry, for handlers that are called directly."""
    return msgspec.json.decode(one.value, type=Event)


def order(order_id: str = "1001", customer_id: str | None = "c1", *, shop: str = "demo", **changes: Any) -> Entry:
    """``order.placed`` (or the ``kind`` given) of a small order."""
    kind = changes.pop("kind", "order.placed")
    at = changes.pop("at", None) or datetime.now(UTC)
    event_id = changes.pop("id", None)
    data = {
        "order_id": order_id,
        "number": f"#{order_id}",
        "state": "open",
        "payment_state": "paid",
        "fulfilment_state": "unfulfilled",
        "currency": "EUR",
        "tax_included": True,
        "lines": [
            {"line_id": "1", "title": "Coffee", "quantity": 2, "unit_price": 1000, "tax": 320, "total": 2000},
            {"line_id": "2", "title": "Kettle", "quantity": 1, "unit_price": 4500, "tax": 718, "total": 4500},
        ],
        "shipping": 490,
        "tax": 1038,
        "total": 6990,
        "placed_at": instant(at),
        "updated_at": instant(at),
        **changes,
    }
    if customer_id is not None:
        data["customer"] = {"customer_id": customer_id}
    return entry(kind, {"order": data}, at=at, event_id=event_id, shop=shop)


def customer(
    customer_id: str = "c1", email: str | None = "ada@example.com", *, shop: str = "demo", **changes: Any
) -> Entry:
    """``customer.updated`` with an address."""
    at = changes.pop("at", None) or datetime.now(UTC)
    data = {"customer_id": customer_id, "email": email, "first_name": "Ada", "updated_at": instant(at), **changes}
    return entry("customer.updated", data, at=at, shop=shop)


def points(
    kind: str = "points.earned", order_id: str | None = "1001", customer_id: str = "c1", **changes: Any
) -> Entry:
    """An event of loyalty."""
    at = changes.pop("at", None)
    data = {"customer_id": customer_id, "points": 65, "balance": 165, "transaction_id": "t1", **changes}
    if order_id is not None:
        data["order_id"] = order_id
    return entry(kind, data, at=at)


def survey(order_id: str | None = "1001", customer_id: str = "c1", **changes: Any) -> Entry:
    """``survey.requested``."""
    at = changes.pop("at", None)
    data = {"survey_id": "nps", "customer_id": customer_id, "url": f"{PUBLIC}/f/token", **changes}
    if order_id is not None:
        data["order_id"] = order_id
    return entry("survey.requested", data, at=at)


def shop(name: str = "Röstwerk", *, shop_id: str = "demo", **changes: Any) -> Entry:
    """``shop.upserted``."""
    data = {
        "shop_id": shop_id,
        "name": name,
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "locale": "en",
        **changes,
    }
    return entry("shop.upserted", data, shop=shop_id)


class World:
    """One running service."""

    def __init__(self, service: ServiceUnderTest, mails: Path) -> None:
        self.service = service
        self.mails = mails

    async def tell(self, *entries: Entry) -> None:
        """Append events and wait until they have had all their effects."""
        await self.append(*entries)
        await self.caught_up()

    async def append(self, *entries: Entry) -> None:
        """Append events."""
        await self.service.log.append(list(entries))

    async def caught_up(self, within: float = 20.0) -> None:
        """Wait until everything has had its effects, mails handed over included."""

        async def probe() -> bool:
            async with self.service.anonymous() as client:
                return (await client.get("/readyz?caught_up=true")).status_code == 200

        await eventually(probe, within=within)

    async def get(self, path: str, *, shop_id: str = "demo", **params: Any) -> Any:
        """The answer of a GET with a shop key."""
        async with self.service.client(shop_id) as client:
            answer = await client.get(f"/v1/notifications/{path}", params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def messages(self, *, shop_id: str = "demo", **params: Any) -> list[dict[str, Any]]:
        """Messages, newest first."""
        found: list[dict[str, Any]] = (await self.get("messages", shop_id=shop_id, limit=100, **params))["items"]
        return found

    async def states(self, **params: Any) -> dict[str, tuple[str, str | None]]:
        """State and reason of each workflow's message."""
        found = await self.messages(**params)
        assert len({one["workflow"] for one in found}) == len(found)
        return {one["workflow"]: (one["state"], one["reason"]) for one in found}

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the service's own database."""
        async with self.service.runtime.db.work() as tx:
            return [dict(row) for row in await tx.fetch(query, *values)]

    async def published(self, topic: str = "comeback.notifications.v1") -> list[Event]:
        """Every event that the service has published."""
        return await read_topic(self.service, topic)

    async def count(self, topic: str) -> int:
        """How many records a topic has."""
        return sum((await self.service.log.end_offsets([topic])).values())

    def files(self) -> list[Path]:
        """The mails in the folder."""
        return sorted(self.mails.glob("*.eml"))


async def read_topic(service: ServiceUnderTest, topic: str) -> list[Event]:
    """All events of a topic."""
    reader = service.log.consumer(f"reader-{next(_numbers)}", [topic])
    await reader.start()
    try:
        found: list[Event] = []
        while batch := await reader.poll(1000, 0.3):
            found += [msgspec.json.decode(record.value, type=Event) for record in batch]
        return found
    finally:
        await reader.stop()


@contextlib.asynccontextmanager
async def world(postgres: TestServer, folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Run the service; mails go to ``folder`` unless ``smtp_url`` is given."""
    chosen = {"mail_dir": folder, "public_url": PUBLIC, "mail_retry": 0.05, "mail_lease": 1.0, **settings}
    async with service_app(create_app, Settings, postgres, service="notifications", **chosen) as service:
        yield World(service, folder)


def bodies(paths: Iterable[Path]) -> list[str]:
    """The files' contents."""
    return [path.read_text(encoding="utf-8") for path in paths]
