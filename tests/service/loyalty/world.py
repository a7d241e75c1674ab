"""The loyalty service running for a test, on a clock that the test moves; events go straight to the handlers."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from comeback_contracts.envelope import encode, make_event
from comeback_contracts.topics import LOYALTY, event_key
from comeback_kit import timer_runner
from comeback_kit.consumer import Context
from comeback_kit.events import Event
from loyalty import consumers, due_work
from loyalty.app import create_app
from loyalty.settings import Settings
from loyalty.verify import verify_ledger
from tests.support.apps import Clock, ServiceUnderTest, service_app
from tests.support.postgres import TestServer

_numbers = itertools.count(1)
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
HANDLERS = {one.topic.split(".")[1]: one.handler for one in consumers.SUBSCRIPTIONS}
Json = dict[str, Any]


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


class World:
    """One running service with one shop."""

    def __init__(self, service: ServiceUnderTest, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.client = service.client("demo")

    @property
    def now(self) -> datetime:
        return self.clock.now

    async def shop(self, shop_id: str = "demo", **changes: Any) -> None:
        data = {"shop_id": shop_id, "name": "Röst", "currency": "EUR", "time_zone": "UTC", "locale": "en", **changes}
        await self.take(event("shop.upserted", data, at=self.now, shop=shop_id))

    async def take(self, *events: Event, together: bool = True) -> None:
        """Hand events to the service: those of one topic in one batch, or one by one."""
        groups: list[tuple[str, list[Event]]] = []
        for one in events:
            topic = _TOPICS[one.type.split(".")[0]] if one.type != "activity.recorded" else "activity"
            if together and groups and groups[-1][0] == topic:
                groups[-1][1].append(one)
            else:
                groups.append((topic, [one]))
        for topic, batch in groups:
            async with self.service.runtime.db.work() as tx:
                await HANDLERS[topic](tx, batch, Context(self.now, self.service.runtime))

    def order_event(self, order_id: str, amount: int = 10_000, customer: str | None = "c1", **changes: Any) -> Event:
        """A paid order of one line of so many minor units, or of the ``lines`` given."""
        kind = changes.pop("kind", "order.paid")
        shop = changes.pop("shop", "demo")
        event_id = changes.pop("event_id", None)
        at = changes.pop("at", self.now)
        lines = changes.pop("lines", None) or [line("1", amount)]
        placed = changes.pop("placed_at", at)
        discounts = changes.get("discounts") or []
        data: Json = {
            "order_id": order_id,
            "payment_state": "paid",
            "currency": "EUR",
            "lines": lines,
            "total": sum(one["total"] for one in lines) - sum(one["amount"] for one in discounts),
            "placed_at": instant(placed),
            "paid_at": instant(placed),
            "updated_at": instant(at),
            **changes,
        }
        if customer is not None:
            data["customer"] = {"customer_id": customer}
        return event(kind, {"order": data}, at=at, shop=shop, event_id=event_id)

    async def order(self, order_id: str, amount: int = 10_000, customer: str | None = "c1", **changes: Any) -> None:
        await self.take(self.order_event(order_id, amount, customer, **changes))

    def refund_event(self, order_id: str, amount: int, refund_id: str | None = None, **changes: Any) -> Event:
        """A refund as a platform sends it without its order."""
        number = refund_id or f"r{next(_numbers)}"
        shop = changes.pop("shop", "demo")
        at = changes.pop("at", self.now)
        refund = {"refund_id": number, "at": instant(at), "amount": amount, **changes}
        data = {"order": {"order_id": order_id, "refunds": [refund], "updated_at": instant(at)}}
        return event("order.refunded", data, at=at, shop=shop)

    async def refund(self, order_id: str, amount: int, refund_id: str | None = None, **changes: Any) -> None:
        await self.take(self.refund_event(order_id, amount, refund_id, **changes))

    async def cancel_order(
        self, order_id: str, amount: int = 10_000, customer: str | None = "c1", **changes: Any
    ) -> None:
        await self.take(
            self.order_event(order_id, amount, customer, kind="order.cancelled", state="cancelled", **changes)
        )

    async def move_to(self, at: datetime) -> None:
        """Let time pass: everything that becomes due by then happens."""
        self.clock.now = at
        await self.work()

    async def days(self, count: float) -> None:
        await self.move_to(self.now + timedelta(days=count))

    async def work(self) -> None:
        """Do what is due: timers, then members."""
        for _ in range(1000):
            if not await self.timers() and not await due_work.run_once(self.service.runtime, 500):
                return
        raise AssertionError("work does not end")

    async def timers(self) -> int:
        """Let timers ring: holds end, jobs go on. How many rang."""
        runner = timer_runner.TimerRunner(self.service.runtime, consumers.TIMERS)
        done = 0
        for kind, handler in consumers.TIMERS.items():
            done += await runner._attempt(kind, handler, self.now, timer_runner._CLAIM, timer_runner.most(handler))
        return done

    async def get(self, path: str, *, client: httpx.AsyncClient | None = None, status: int = 200, **params: Any) -> Any:
        answer = await (client or self.client).get(f"/v1/loyalty/{path}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Json | None = None, *, status: int | None = None, **headers: str) -> Any:
        answer = await self.client.post(f"/v1/loyalty/{path}", json=body, headers=headers)
        wanted = (200, 201, 202) if status is None else (status,)
        assert answer.status_code in wanted, f"{answer.status_code} {answer.text}"
        return answer.json()

    async def program(self, **document: Any) -> Json:
        answer = await self.client.put("/v1/loyalty/program", json=document)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def member(self, customer_id: str = "c1") -> Json:
        found: Json = await self.get(f"members/{customer_id}")
        return found

    async def balance(self, customer_id: str = "c1") -> int:
        return int((await self.member(customer_id))["balance"])

    async def numbers(self, customer_id: str = "c1") -> tuple[int, int, int, int]:
        """balance, pending, held, shortfall"""
        found = await self.member(customer_id)
        return found["balance"], found["pending"], found["held"], found["shortfall"]

    async def tier(self, customer_id: str = "c1") -> str | None:
        found = (await self.member(customer_id))["tier"]
        return None if found is None else found["id"]

    async def transactions(self, customer_id: str = "c1") -> list[Json]:
        """All of them, oldest first; the chain of balances is checked on the way."""
        items: list[Json] = []
        cursor = None
        while True:
            params: Json = {"limit": 7} | ({"cursor": cursor} if cursor else {})
            page = await self.get(f"members/{customer_id}/transactions", **params)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        items.reverse()
        balance = 0
        for one in items:
            if one["type"] not in ("pending_added", "pending_cancelled", "spent"):
                balance += one["points"]
            assert one["balance_after"] == balance, items
        assert balance == await self.balance(customer_id)
        return items

    async def kinds(self, customer_id: str = "c1") -> list[tuple[str, int]]:
        return [(one["type"], one["points"]) for one in await self.transactions(customer_id)]

    async def lots(self, customer_id: str = "c1") -> list[Json]:
        """Lots in which something is left, oldest first."""
        found = (await self.get(f"members/{customer_id}/lots", limit=100))["items"]
        return [one for one in reversed(found) if one["remaining"]]

    async def adjust(self, points: int, customer_id: str = "c1", *, status: int = 201, **more: Any) -> Any:
        body = {"points": points, "reason": "test", **more}
        return await self.post(f"members/{customer_id}/adjustments", body, status=status)

    async def pay(
        self,
        points: int,
        order_id: str = "x",
        customer_id: str = "c1",
        *,
        total: int = 1_000_000,
        status: int | None = None,
    ) -> Any:
        """Hold points for an order."""
        body = {"points": points, "order_id": order_id, "order_total": total, "currency": "EUR"}
        return await self.post(f"members/{customer_id}/redemptions", body, status=status)

    async def published(self) -> list[Event]:
        """What is in the outbox."""
        async with self.service.runtime.db.work() as tx:
            rows = await tx.fetch("select value from outbox where topic = $1 order by id", LOYALTY)
        return [msgspec.json.decode(row["value"], type=Event) for row in rows]

    async def told(self, kind: str) -> list[Json]:
        """The data of every published event of a type."""
        return [msgspec.json.decode(one.data) for one in await self.published() if one.type == kind]

    async def check(self) -> None:
        """The invariants of cases §H."""
        async with self.service.runtime.db.work() as tx:
            assert await verify_ledger(tx) == []

    async def snapshot(
        self, tables: Sequence[str] = ("members", "lots", "entries", "orders", "redemptions", "usage")
    ) -> Json:
        """Everything that is stored, to compare."""
        async with self.service.runtime.db.work() as tx:
            return {
                table: [dict(row) for row in await tx.fetch(f"select * from {table} order by 1, 2, 3, 4")]
                for table in tables
            }

    async def everything(self) -> Json:
        """All rows of all tables of the service, to compare; of an order what it says, not how often it was written."""
        async with self.service.runtime.db.work() as tx:
            names = await tx.fetch(
                "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
            )
            return {
                name: [
                    row["row"]
                    for row in await tx.fetch(_SAYS.get(name, f'select t::text as row from "{name}" t order by 1'))
                ]
                for (name,) in names
            }


def changes(before: Json, after: Json) -> list[str]:
    """Every row that one of two answers of ``World.everything`` has and the other has not."""
    return [
        f"{table} {sign} {row}"
        for table in sorted(before.keys() | after.keys())
        for sign, one, other in (("-", before, after), ("+", after, before))
        for row in one.get(table, [])
        if row not in other.get(table, [])
    ]


def line(line_id: str, total: int, quantity: int = 1, **more: Any) -> Json:
    """An order line of so many minor units."""
    return {"line_id": line_id, "quantity": quantity, "unit_price": total // quantity, "total": total, **more}


_TOPICS = {
    "shop": "shops",
    "order": "orders",
    "return": "orders",
    "customer": "customers",
    "activity": "activity",
    "cart": "activity",
    "product": "activity",
}

_SAYS = {
    "orders": """
      select (to_jsonb(t) - 'revision' || jsonb_build_object('state', convert_from(t.state, 'UTF8')::jsonb))::text
        as row
      from orders t order by 1"""
}


@contextlib.asynccontextmanager
async def world(
    postgres: TestServer, *, roles: str = "api", now: datetime = START, shop: bool = True
) -> AsyncIterator[World]:
    """A service with the demo shop."""
    clock = Clock(now)
    async with service_app(create_app, Settings, postgres, service="loyalty", clock=clock, roles=roles) as service:
        made = World(service, clock)
        if shop:
            await made.shop()
        try:
            yield made
        finally:
            await made.client.aclose()
