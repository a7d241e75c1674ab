"""A batch is one transaction of as many statements, however many orders are in it."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from comeback_kit.events import Event
from loyalty import earning
from tests.service.loyalty.world import World

SENDING = ("fetch", "fetchrow", "fetchval", "execute", "executemany", "fetchmany", "copy_records_to_table")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent from now on; a batch is settled in steps of the length that it has in earnest."""
    monkeypatch.undo()
    found: list[str] = []

    def noted(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(call)
        async def note(connection: Any, statement: str, *arguments: Any, **named: Any) -> Any:
            found.append(statement)
            return await call(connection, statement, *arguments, **named)

        return note

    for name in SENDING:
        monkeypatch.setattr(asyncpg.Connection, name, noted(getattr(asyncpg.Connection, name)))
    return found


def new_orders(shop: World, count: int) -> list[Event]:
    return [shop.order_event(f"{count}-{number}", customer=f"c{count}-{number}") for number in range(count)]


def refunds(shop: World, count: int) -> list[Event]:
    return [shop.refund_event(f"{count}-{number}", 4_000, f"r{count}-{number}") for number in range(count)]


def more_orders(shop: World, count: int) -> list[Event]:
    return [shop.order_event(f"more{count}-{number}", customer=f"c{count}-{number}") for number in range(count)]


async def test_as_many_statements_for_a_hundred_orders_as_for_ten(shop: World, sent: list[str]) -> None:
    assert earning.STEP >= 100
    await shop.program(rules=[{"id": "base"}, {"id": "daily", "points": 1, "limit": {"times": 1, "period": "day"}}])
    await shop.take(*new_orders(shop, 1))
    for batch in (new_orders, more_orders, refunds):
        statements = []
        for count in (10, 100):
            events = batch(shop, count)
            sent.clear()
            await shop.take(*events)
            statements.append(list(sent))
        ten, hundred = statements
        assert sorted(ten) == sorted(hundred), batch.__name__
        assert [ten[0], ten[-1]] == ["BEGIN", "COMMIT"]
        assert (ten.count("BEGIN"), ten.count("COMMIT")) == (1, 1)
    assert await shop.balance("c100-99") == 60 + 60 + 100 + 0
