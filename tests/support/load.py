"""Orders posted without pause while something breaks, and the proof afterwards that each had its effects once."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

from tests.support.order_events import POINTS_PAID, OrderStory
from tests.support.shop import Shop

_MESSAGES = {("order_confirmation", "sent"), ("points_earned", "sent")}


@dataclass
class Load:
    """What was posted so far. ``refusals``: the answers other than 202; ``cut``: calls that got no answer."""

    prefix: str
    accepted: list[OrderStory] = field(default_factory=list)
    unanswered: list[OrderStory] = field(default_factory=list)
    refused: list[OrderStory] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)
    _next: int = 0

    async def run(self, shop: Shop) -> None:
        """Post one new paid order after the other, for ever."""
        while True:
            self._next += 1
            story = OrderStory(f"{self.prefix}-{self._next}")
            try:
                answer = await shop.post(story.paid())
            except httpx.TransportError:
                self.unanswered.append(story)
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == httpx.codes.ACCEPTED:
                self.accepted.append(story)
            else:
                self.refused.append(story)
                self.refusals.append(answer)
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def under_load(shop: Shop, prefix: str, *, clients: int = 8) -> AsyncIterator[Load]:
    """Post orders while the block runs."""
    load = Load(prefix)
    tasks = [asyncio.create_task(load.run(shop)) for _ in range(clients)]
    try:
        yield load
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def check_effects(shop: Shop, load: Load, *, certain: bool = False) -> None:
    """Every accepted order has its points and its two messages once; the others all of them once, or nothing.

    Of an order that was not accepted the customer may have stayed known. ``certain``: a refused order (503) must have
    had no effect at all.
    """
    members = {member["customer_id"]: member for member in await shop.every("/v1/loyalty/members")}
    messages: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for message in await shop.messages():
        if message["order_id"]:
            messages[message["order_id"]][message["workflow"], message["state"]] += 1
    for story in load.accepted:
        assert story.customer in members, f"{story.order_id} was accepted and earned nothing"
    for fate, stories in (("accepted", load.accepted), ("unanswered", load.unanswered), ("refused", load.refused)):
        for story in stories:
            member = members.get(story.customer)
            found = messages[story.order_id]
            if member is None or (fate != "accepted" and not certain and member["lifetime_earned"] == 0):
                assert not found, f"{story.order_id} was {fate} and without points: {found}"
                continue
            assert member["balance"] == member["lifetime_earned"] == POINTS_PAID, f"{fate}: {member}"
            assert found.keys() == _MESSAGES, f"{story.order_id} was {fate}: {found}"
    assert all(set(found.values()) <= {1} for found in messages.values())
    if certain:
        assert not [story.order_id for story in load.refused if story.customer in members]
