"""What moves no point of a member is no transaction of theirs: a refund that leaves something owed, its forgiving."""

from datetime import timedelta

import pytest

from tests.service.loyalty.test_customers import merged
from tests.service.loyalty.world import World

WHOLE = {"negative": "clamp", "spent_points": "never"}


@pytest.mark.parametrize("name", ["c1", "into"])
async def test_a_clawback_of_nothing_is_not_among_the_transactions(shop: World, name: str) -> None:
    """Not at the end of a page either, nor where the history of several ids is put together."""
    await shop.program(**WHOLE)
    await shop.order("1")
    held = await shop.pay(100)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.refund("1", 4_000, "r")
    shop.clock.now += timedelta(minutes=1)
    await shop.refund("1", 1_000, "r")
    assert [one["points"] for one in (await shop.get("orders/1/explanation"))["postings"]] == [100, 0, 0]
    await shop.order("2", 1_000)
    await shop.refund("2", 1_000)
    if name != "c1":
        await shop.take(merged(shop, "c1", name))
    expected = [("earned", 100), ("held", -100), ("spent", -100), ("earned", 10), ("clawed_back", -10)]
    assert await shop.kinds(name) == expected
    assert [one["points"] for one in await shop.told("points.clawed_back")] == [10]
    assert [one["points"] for one in await shop.told("points.earned")] == [100, 10]
    pages: list[list[tuple[str, int]]] = []
    cursor = None
    while cursor is not None or not pages:
        page = await shop.get(f"members/{name}/transactions", limit=1, **({"cursor": cursor} if cursor else {}))
        pages.append([(one["type"], one["points"]) for one in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[one] for one in reversed(expected)]


async def test_what_an_order_owes_is_in_its_explanation(shop: World) -> None:
    await shop.program(**WHOLE)
    await shop.order("1")
    held = await shop.pay(100)
    await shop.post(f"redemptions/{held['redemption_id']}/confirm")
    await shop.refund("1", 4_000)
    told = await shop.get("orders/1/explanation")
    assert told["shortfall"] == 40
    assert [(one["type"], one["points"]) for one in told["postings"]] == [("earned", 100), ("clawed_back", 0)]


async def test_points_that_fill_a_merged_balance_below_zero_are_no_adjustment(shop: World) -> None:
    await shop.program(negative="allow")
    await shop.adjust(-30, "a")
    await shop.adjust(50, "b")
    await shop.take(merged(shop, "a", "b"))
    assert [points for _, points in await shop.kinds("b")] == [-30, 50]
