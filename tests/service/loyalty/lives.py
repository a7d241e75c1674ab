"""What happens to the members of a shop in Berlin, and when; lived through with any rhythm of the work that is due."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from comeback_contracts.registry import event_type
from tests.service.loyalty.conftest import empty
from tests.service.loyalty.world import Json, World, event, instant
from tests.support.apps import Clock, ServiceUnderTest

ZONE = ZoneInfo("Europe/Berlin")
Act = Callable[[World], Awaitable[Any]]


class Happening(NamedTuple):
    """Something that members or the shop do at an instant."""

    at: datetime
    do: Act


def berlin(text: str) -> datetime:
    """The instant of a local day (at noon) or a local time."""
    at = datetime.fromisoformat(text if "T" in text else f"{text}T12:00")
    return at.replace(tzinfo=ZONE).astimezone(UTC)


def local(text: str | None) -> str | None:
    """An instant of an answer as the wall clock in Berlin shows it; midnight as the day that begins."""
    if text is None:
        return None
    shown = datetime.fromisoformat(text).astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return shown.removesuffix(".000000").removesuffix(":00").removesuffix("T00:00")


def mornings(first: date, last: date, *, every: int = 1) -> list[datetime]:
    """Five past midnight in Berlin, each day from the first to the last, or each so manieth."""
    days = range(0, (last - first).days + 1, every)
    return [datetime.combine(first + timedelta(days=one), time(0, 5), ZONE).astimezone(UTC) for one in days]


@asynccontextmanager
async def shop_in_berlin(service: ServiceUnderTest, clock: Clock, begin: datetime) -> AsyncIterator[World]:
    """An empty service at that instant; in the end the ledger is proven and every event fits its contract."""
    await empty(service)
    clock.now = begin
    shop = World(service, clock)
    await shop.shop(time_zone="Europe/Berlin", locale="de")
    yield shop
    await shop.client.aclose()
    await shop.check()
    for one in await shop.published():
        event_type(one.type).model.model_validate(msgspec.json.decode(one.data))


async def live(shop: World, life: Iterable[Happening], looks: Sequence[datetime]) -> None:
    """Let everything happen at its time, and do what is due at each look and at no other time."""
    moments: list[tuple[datetime, Act | None]] = [(one.at, one.do) for one in life]
    moments += [(at, None) for at in looks]
    for number, (at, do) in enumerate(sorted(moments, key=lambda one: one[0])):
        if number % 50 == 0:
            await shop.client.aclose()
            shop.client = shop.service.client("demo")  # an internal token lives for a minute
        shop.clock.now = at
        await (shop.work() if do is None else do(shop))


def buys(day: str, customer: str, order_id: str, amount: int) -> Happening:
    """A paid order of so many minor units."""

    async def act(shop: World) -> None:
        await shop.order(order_id, amount, customer)

    return Happening(berlin(day), act)


def refunds(day: str, order_id: str, amount: int) -> Happening:
    async def act(shop: World) -> None:
        await shop.refund(order_id, amount)

    return Happening(berlin(day), act)


def cancels(day: str, customer: str, order_id: str, amount: int, *, placed: str) -> Happening:
    async def act(shop: World) -> None:
        await shop.cancel_order(order_id, amount, customer, placed_at=berlin(placed))

    return Happening(berlin(day), act)


def holds(day: str, customer: str, points: int, basket: str) -> Happening:
    """Points are put aside for a basket, which is left alone then."""

    async def act(shop: World) -> None:
        await shop.pay(points, basket, customer)

    return Happening(berlin(day), act)


def spends(day: str, customer: str, points: int, basket: str) -> Happening:
    async def act(shop: World) -> None:
        held = await shop.pay(points, basket, customer)
        await shop.post(f"redemptions/{held['redemption_id']}/confirm")

    return Happening(berlin(day), act)


def returns(day: str, customer: str, basket: str) -> Happening:
    """The points that were spent on a basket are given back."""

    async def act(shop: World) -> None:
        items = (await shop.get(f"members/{customer}/redemptions", limit=100))["items"]
        (spent,) = [one["redemption_id"] for one in items if one["order_id"] == basket and one["state"] == "spent"]
        await shop.post(f"redemptions/{spent}/return")

    return Happening(berlin(day), act)


def registers(day: str, customer: str, **data: Any) -> Happening:
    """A customer tells of themselves; ``joined`` is the day they joined, if it was not today."""
    joined = berlin(data.pop("joined", day))

    async def act(shop: World) -> None:
        body: Json = {"customer_id": customer, "updated_at": instant(joined), **data}
        await shop.take(event("customer.registered", body, at=joined))

    return Happening(berlin(day), act)


def merges(day: str, source: str, target: str) -> Happening:
    async def act(shop: World) -> None:
        body = {"from": source, "into": target, "at": instant(shop.now)}
        await shop.take(event("customer.merged", body, at=shop.now))

    return Happening(berlin(day), act)
