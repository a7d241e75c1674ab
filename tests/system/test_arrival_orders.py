"""The events of an order in every order of arrival: all of them end in the same points, books and messages."""

from itertools import permutations

import pytest

from tests.support.ledger_checks import check_books, check_messages, check_order
from tests.support.order_events import POINTS_AFTER_BOTH_REFUNDS, Event, OrderStory
from tests.support.shop import Shop, together

_ENDS_CANCELLED = ("placed", "paid", "refunded", "refunded_alone", "cancelled")
_ENDS_PAID = ("placed", "paid", "refunded", "refunded_alone")


def _permuted(prefix: str, names: tuple[str, ...]) -> list[tuple[OrderStory, list[Event]]]:
    told = []
    for number, order in enumerate(permutations(names)):
        story = OrderStory(f"{prefix}-{number}")
        told.append((story, [getattr(story, name)() for name in order]))
    return told


@pytest.mark.parametrize("settled_between", [False, True], ids=["in_a_rush", "settled_between"])
async def test_every_order_of_arrival_ends_in_the_same_points(shop: Shop, new_id: str, settled_between: bool) -> None:
    cancelled = _permuted(f"{new_id}c", _ENDS_CANCELLED)
    kept = _permuted(f"{new_id}k", _ENDS_PAID)
    told = cancelled + kept
    if settled_between:
        for step in range(len(_ENDS_CANCELLED)):
            await shop.accept_all([events[step] for _, events in told if step < len(events)])
            await shop.caught_up()
    else:
        await together([_one_by_one(shop, events) for _, events in told])
        await shop.caught_up()
    await together([_check(shop, story, 0) for story, _ in cancelled])
    await together([_check(shop, story, POINTS_AFTER_BOTH_REFUNDS) for story, _ in kept])


async def _one_by_one(shop: Shop, events: list[Event]) -> None:
    for event in events:
        await shop.accept(event)


async def _check(shop: Shop, story: OrderStory, points: int) -> None:
    explanation = await check_order(shop, story.order_id, points)
    earned = sum(posting["points"] for posting in explanation["postings"] if posting["type"] == "earned")
    taken = [posting for posting in explanation["postings"] if posting["type"] == "clawed_back"]
    assert earned + sum(posting["points"] for posting in taken) == points
    if explanation["postings"]:
        await check_books(shop, story.customer, points)
    counts = await check_messages(shop, story.order_id)
    assert counts["points_earned"] == (1 if earned else 0)
    assert counts["points_clawed_back"] == len(taken)
