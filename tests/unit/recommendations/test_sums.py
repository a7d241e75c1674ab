"""What orders that were taken back leave of a product's sums is what an engine says that never had them."""

import random
from collections.abc import Sequence

import pytest

from recommendations.engine import Purchase, ShopEngine
from tests.unit.recommendations.shops import DAY, T0, purchase

YEAR = 365.0
HALF_LIVES = {"weight": 180.0, "recent14": 14.0, "recent180": 180.0}


def shop(orders: Sequence[Purchase], ring: int = 500) -> ShopEngine:
    engine = ShopEngine(ring=ring, slack=1)
    for order in orders:
        engine.put(order)
    return engine


def sums(engine: ShopEngine) -> dict[str, dict[str, float]]:
    """Every sum, as of `T0`, of every product that is sold."""
    sold = {name: row for name, row in engine.products.numbers.items() if engine.rings.total.data[row]}
    return {which: dict(zip(sold, column(engine, which, list(sold.values())), strict=True)) for which in HALF_LIVES}


def column(engine: ShopEngine, which: str, rows: list[int]) -> list[float]:
    values: list[float] = getattr(engine.sums, which).data[rows].tolist()
    return [value * engine.clock.shrink(T0, HALF_LIVES[which]) for value in values]


def same(expected: dict[str, dict[str, float]]) -> dict[str, object]:
    """Ranking looks at twelve digits."""
    return {which: pytest.approx(values, rel=1e-12, abs=0.0) for which, values in expected.items()}


@pytest.mark.parametrize("ring", [2, 500])
@pytest.mark.parametrize("days", [YEAR, 15 * YEAR, 25 * YEAR])
def test_what_is_left_of_old_orders_when_new_ones_are_taken_back(days: float, ring: int) -> None:
    """Old orders are next to nothing in the 14-day sum after a year, in all after 15; after 20 the landmark moves."""
    old = [purchase(f"old{number}", "ABC", T0 + number) for number in range(7)]
    engine = shop([*old, purchase("new1", "AB", T0 + days * DAY), purchase("new2", "AC", T0 + days * DAY)], ring)
    engine.remove("new1")
    engine.put(purchase("new2", ""))
    assert sums(engine) == same(sums(shop(old, ring)))


def test_small_steps_back_add_up_to_a_long_way() -> None:
    """In the 14-day sum an order is a thirtieth of the next one: no step alone is much, six of them are 1e-9."""
    orders = [purchase(f"o{number}", "AB", T0 + 69.0 * number * DAY) for number in range(7)]
    engine = shop(orders)
    for order in reversed(orders[1:]):
        engine.remove(order.order_id)
    assert sums(engine) == same(sums(shop(orders[:1])))


def test_many_new_orders_are_taken_back_one_by_one() -> None:
    old = purchase("old", "AB", T0)
    new = [purchase(f"n{number}", "AB", T0 + 30.0 * DAY + 0.1 * number) for number in range(3000)]
    engine = shop([old, *new], ring=50)
    for order in new:
        engine.remove(order.order_id)
    assert sums(engine) == same(sums(shop([old])))


def test_nothing_is_left_of_a_product_whose_last_order_is_taken_back() -> None:
    engine = shop([purchase("o1", "AB", T0), purchase("o2", "AC", T0 + 40.0 * DAY), purchase("o3", "A", T0 + YEAR)])
    for order_id in ("o2", "o1", "o3"):
        engine.remove(order_id)
    rows = [engine.products.numbers[name] for name in "ABC"]
    assert [column(engine, which, rows) for which in HALF_LIVES] == [[0.0] * 3] * 3


@pytest.mark.parametrize("seed", range(5))
def test_what_came_and_went_in_ten_years_does_not_show(seed: int) -> None:
    rng, engine, left = random.Random(seed), ShopEngine(ring=10, slack=3), dict[str, Purchase]()
    for number in range(1000):
        at = T0 + rng.choice([0.0, 1.0, 40.0, 41.0, 400.0, 3650.0]) * DAY
        order = purchase(f"o{rng.randrange(number + 1)}", rng.sample("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3), at)
        engine.put(order)
        left[order.order_id] = order
        while left and rng.random() < len(left) / 100:
            gone = max(left, key=lambda name: left[name].at) if rng.random() < 0.8 else rng.choice(list(left))
            del left[gone]
            engine.remove(gone)
    assert sums(engine) == same(sums(shop(list(left.values()))))
