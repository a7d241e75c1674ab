"""The same event again: twice, and a hundred times at once. It is the same event."""

from tests.support.ledger_checks import check_books, check_messages, check_order
from tests.support.order_events import POINTS_AFTER_FIRST_REFUND, POINTS_PAID, OrderStory
from tests.support.shop import Shop, together


async def test_an_event_posted_twice_has_its_effect_once(shop: Shop, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    for _ in range(2):
        await shop.accept(story.paid())
        await shop.caught_up()
    explanation = await check_order(shop, story.order_id, POINTS_PAID)
    assert len(explanation["postings"]) == 1
    await check_books(shop, story.customer, POINTS_PAID)
    assert await check_messages(shop, story.order_id) == {"order_confirmation": 1, "points_earned": 1}


async def test_an_event_posted_a_hundred_times_at_once_has_its_effect_once(shop: Shop, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    await together([shop.accept(story.paid()) for _ in range(100)], width=32)
    await together([shop.accept(story.refunded()) for _ in range(100)], width=32)
    await shop.caught_up()
    explanation = await check_order(shop, story.order_id, POINTS_AFTER_FIRST_REFUND)
    assert len(explanation["postings"]) <= 2
    await check_books(shop, story.customer, POINTS_AFTER_FIRST_REFUND)
    await check_messages(shop, story.order_id)


async def test_the_same_event_many_times_in_one_batch_has_its_effect_once(shop: Shop, new_id: str) -> None:
    story = OrderStory(f"{new_id}-1")
    await shop.accept(*[story.paid() for _ in range(50)])
    await shop.caught_up()
    assert len((await check_order(shop, story.order_id, POINTS_PAID))["postings"]) == 1
    assert await check_messages(shop, story.order_id) == {"order_confirmation": 1, "points_earned": 1}
