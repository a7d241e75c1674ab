"""What a batch makes dies with it: what hangs in cycles waits for the collector, which walks it at a high price."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.service.loyalty.world import World

_RULES = [
    {"id": "base", "kind": "per_amount", "points": 1, "per": 100},
    {"id": "piece", "kind": "per_quantity", "points": 5, "when": {"product_ids": ["beans"]}},
    {"id": "welcome", "kind": "first_purchase", "points": 100, "when": {"min_amount": 2000}},
]


@contextmanager
def _left_in_cycles() -> Iterator[Counter[str]]:
    """The types of ours that the block leaves to the collector."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = (type(one) for one in gc.garbage)
        found.update(one.__qualname__ for one in ours if one.__module__.startswith(("loyalty", "comeback_")))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_orders_and_refunds_leave_nothing_to_the_collector(shop: World) -> None:
    await shop.program(rules=_RULES)
    await shop.order("warm", customer="c0")
    with _left_in_cycles() as left:
        await shop.take(*(shop.order_event(f"o{n}", 10_000 + n, f"c{n % 3}") for n in range(20)))
        await shop.take(*(shop.refund_event(f"o{n}", 500) for n in range(0, 20, 2)))
    assert left == {}
