"""What tests of the express till share: who took the long way, and who comes between a read and its write."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from comeback_kit.db import ShopDoor
from loyalty import express_rows, redemption
from loyalty.express import Express
from loyalty.state import cache_of, holds_of
from tests.service.loyalty.world import Json, World

REWARD = {"reward_id": "r", "kind": "free_shipping", "name": "R", "points": 60}
LIFE = timedelta(days=30)
Meddle = Callable[[World], Awaitable[Any]]


class Ways:
    """How often the long way was taken."""

    def __init__(self) -> None:
        self.long = 0

    def count(self, one: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The same function, counted."""

        async def counted(*given: Any, **named: Any) -> Any:
            self.long += 1
            return await one(*given, **named)

        return counted

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> "Ways":
        """Count from now on."""
        for name in ("hold_for_reward", "confirm"):
            monkeypatch.setattr(redemption, name, self.count(getattr(redemption, name)))
        return self


def before(monkeypatch: pytest.MonkeyPatch, name: str, shop: World, meddle: Meddle) -> None:
    """Let ``meddle`` happen between the first read and its write."""
    write = getattr(express_rows, name)
    first = [True]

    async def meddled(*given: Any) -> Any:
        if first and first.pop():
            await meddle(shop)
        return await write(*given)

    monkeypatch.setattr(express_rows, name, meddled)


async def ready(shop: World, balance: int = 100, **reward: Any) -> None:
    """A reward, a member with points, and a process that knows the shop."""
    await shop.post("rewards", {**REWARD, **reward})
    await shop.adjust(balance)
    await shop.balance()


async def hold(shop: World, customer_id: str = "c1", *, status: int = 201) -> Json:
    found: Json = await shop.post(f"members/{customer_id}/redemptions", {"reward_id": "r"}, status=status)
    return found


async def confirm(shop: World, held: Json, *, status: int = 200) -> Json:
    found: Json = await shop.post(f"redemptions/{held['redemption_id']}/confirm", status=status)
    return found


def forget(shop: World) -> None:
    """As another process, or after a minute: the confirm reads."""
    holds_of(shop.service.runtime)._holds.clear()


def at_hand(shop: World, door: ShopDoor) -> Express:
    return Express(door, cache_of(shop.service.runtime), holds_of(shop.service.runtime), shop.now)
