"""Whatever happens to the orders, in whatever order, the engine says what a computation over the final orders says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.engine import Purchase, ShopEngine
from recommendations.engine.suggest import Question, suggest
from tests.unit.recommendations.reference import DAY, Reference
from tests.unit.recommendations.shops import T0

PRODUCTS = "ABCDEFGH"
NOW = T0 + 400 * DAY

purchases = st.builds(
    Purchase,
    order_id=st.integers(0, 14).map(lambda number: f"o{number:02}"),
    customer_id=st.sampled_from([None, "c1", "c2", "c3"]),
    at=st.sampled_from([T0 + day * DAY for day in (0, 30, 30.5, 200, 390)]),
    product_ids=st.lists(st.sampled_from(PRODUCTS), max_size=5, unique=True).map(tuple),
)
steps = st.lists(st.one_of(purchases, st.integers(0, 14).map(lambda number: f"o{number:02}")), max_size=60)


def play(engine: ShopEngine, script: list[Purchase | str]) -> dict[str, Purchase]:
    left: dict[str, Purchase] = {}
    for step in script:
        if isinstance(step, str):
            assert engine.remove(step) is (step in left)
            left.pop(step, None)
        else:
            changed = engine.put(step)
            before = left.pop(step.order_id, None)
            if step.product_ids:
                left[step.order_id] = step
            assert changed is (_told(left.get(step.order_id)) != _told(before))
    return left


def _told(purchase: Purchase | None) -> object:
    return purchase and (purchase.customer_id, purchase.at, frozenset(purchase.product_ids))


def answer(engine: ShopEngine, question: Question) -> dict[str, float]:
    return {item.product_id: item.score for item in suggest(engine, question)}


def near(values: dict[str, float]) -> dict[str, object]:
    return {product: pytest.approx(value, rel=1e-9) for product, value in values.items() if value > 0}


@settings(max_examples=150, deadline=None)
@given(
    script=steps, ring=st.sampled_from([2, 4, 500]), basket=st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True)
)
def test_engine_equals_brute_force(script: list[Purchase | str], ring: int, basket: list[str]) -> None:
    engine = ShopEngine(ring=ring, slack=1)
    orders = list(play(engine, script).values())
    batch = Reference(orders, NOW, ring)
    one = Question("bought_together", NOW, seeds=basket[:1], limit=50, backfill=False)
    assert answer(engine, one) == near(batch.linear(basket[0]) if orders else {})
    for customer in ("c1", "nobody"):
        own = [order for order in batch.orders if order.customer_id == customer]
        question = Question("bought_together", NOW, seeds=basket, customer_id=customer, limit=50, backfill=False)
        if own:
            assert answer(engine, question) == near(batch.with_history(basket, own))
            again = Question("buy_again", NOW, customer_id=customer, limit=50, backfill=False)
            assert answer_of_source(engine, again, "buy_again") == near(batch.next_basket(own))
        elif len(basket) > 1:
            assert answer(engine, question) == near(batch.community(basket, 0.4))


def answer_of_source(engine: ShopEngine, question: Question, source: str) -> dict[str, float]:
    return {item.product_id: item.score for item in suggest(engine, question) if item.source == source}


@settings(max_examples=60, deadline=None)
@given(script=steps, seed=st.integers(0, 1000))
def test_arrival_order_does_not_show(script: list[Purchase | str], seed: int) -> None:
    engine, again = ShopEngine(ring=3, slack=2), ShopEngine(ring=3, slack=2)
    orders = list(play(engine, script).values())
    random.Random(seed).shuffle(orders)
    for order in orders:
        again.put(order)
    for kind in ("bought_together", "also_bought", "for_you", "buy_again", "trending"):
        question = Question(kind, NOW, seeds=["A"], customer_id="c1", limit=50)
        assert answer(again, question) == near(answer(engine, question))


def test_supports_count_orders_that_hold_the_product_and_a_seed() -> None:
    engine = ShopEngine()
    for number, products in enumerate(("ABX", "AX", "BX", "AY", "X", "ABY")):
        engine.put(Purchase(f"o{number}", None, T0, tuple(products)))
    found = {
        item.product_id: item.reason for item in suggest(engine, Question("bought_together", T0, seeds=["A", "B"]))
    }
    assert found["X"].support == 3
    assert found["X"].confidence == pytest.approx(3 / 5)
    assert found["X"].lift == pytest.approx((3 / 5) / (4 / 6))
    assert set(found["X"].seeds) == {"A", "B"}


def test_a_century_of_orders_neither_overflows_nor_forgets_the_newest() -> None:
    engine = ShopEngine()
    for year in range(100):
        engine.put(Purchase(f"y{year}", "c", year * 365 * DAY, ("A", f"p{year:02}")))
    now = 99 * 365 * DAY
    found = answer(engine, Question("bought_together", now, seeds=["A"], limit=50))
    assert list(found)[:2] == ["p99", "p98"]
    assert answer(engine, Question("trending", now))["p99"] == pytest.approx(1.0)
    batch = Reference([Purchase(f"y{y}", "c", y * 365 * DAY, ("A", f"p{y:02}")) for y in range(100)], now, 500)
    linear = batch.linear("A")
    assert found["p99"] == pytest.approx(linear["p99"])


def test_orders_that_come_and_go_take_no_memory() -> None:
    engine = ShopEngine()
    for number in range(300):
        engine.put(Purchase(f"o{number}", f"c{number}", T0, ("A", "B")))
    before = engine.nbytes
    for number in range(3000):
        engine.remove(f"o{number}")
        engine.put(Purchase(f"o{number + 300}", f"c{number + 300}", T0 + number, ("A", "B")))
    assert engine.nbytes <= before * 1.05
    assert engine.orders.count == 300


def test_thousands_of_products_customers_and_orders_grow_in_and_are_all_found() -> None:
    engine = ShopEngine()
    for number in range(2000):
        engine.put(Purchase(f"o{number}", f"c{number}", T0 + number, ("hub", f"a{number:04}", f"b{number:04}")))
    for number in (0, 255, 256, 257, 1999):
        question = Question("bought_together", T0 + 2000, seeds=[f"a{number:04}"], backfill=False)
        assert set(answer(engine, question)) == {"hub", f"b{number:04}"}
    assert answer(engine, Question("trending", T0, limit=1))["hub"] > 1990
