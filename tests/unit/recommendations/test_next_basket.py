"""The next basket: the pace of the customer, and the sorts that the catalog knows."""

from collections.abc import Sequence

import pytest

from recommendations.engine import ShopEngine
from recommendations.engine.catalog import Catalog, Product
from recommendations.engine.personal import own_orders, pace
from recommendations.engine.suggest import Question, suggest
from tests.unit.recommendations.shops import DAY, T0, purchase


def shop(days: Sequence[float], products: str = "A") -> ShopEngine:
    engine = ShopEngine()
    for number, day in enumerate(days):
        engine.put(purchase(f"O{number}", products, customer="c", at=T0 - day * DAY))
    return engine


@pytest.mark.parametrize(
    ("days", "half_life"),
    [
        (range(0, 28, 4), 90.0),  # seven orders show no pace
        (range(3, 35, 4), 90.0),  # eight in 32 days: one in four
        (range(8), 34.1),  # daily
        (range(0, 800, 100), 365.0),  # quarterly, held to a year
    ],
)
def test_who_shops_often_forgets_sooner(days: Sequence[float], half_life: float) -> None:
    engine = shop(days)
    assert pace(engine, own_orders(engine, "c"), T0) == pytest.approx(half_life, abs=0.1)


def again(engine: ShopEngine, catalog: Catalog | None) -> list[tuple[str, float]]:
    asked = Question("buy_again", T0, customer_id="c", catalog=catalog, backfill=False)
    return [(item.product_id, item.score) for item in suggest(engine, asked)]


def test_a_product_of_a_sort_that_the_customer_buys_gains() -> None:
    engine = shop([1, 2], "ABC")
    catalog = Catalog(engine)
    assert again(engine, catalog) == again(engine, None)
    for product_id, category in (("A", "tea"), ("B", "yogurt"), ("C", "yogurt")):
        catalog.put(Product(product_id, category_ids=(category,)))
    found = again(engine, catalog)
    assert [product_id for product_id, _ in found] == ["B", "C", "A"]
    assert found[0][1] == pytest.approx(found[2][1] + 0.15 * (1 - 0.5**0.5))


def test_products_of_no_known_sort_have_nothing_in_common() -> None:
    engine = shop([1, 2], "ABC")
    catalog = Catalog(engine)
    catalog.put(Product("A", category_ids=("tea",)))
    catalog.put(Product("B", title="no category"))
    assert [product_id for product_id, _ in again(engine, catalog)] == ["A", "B", "C"]


def test_a_product_named_twice_is_one() -> None:
    engine = shop([1, 2, 3], "AB")
    once, twice = (suggest(engine, Question("bought_together", T0, seeds=seeds)) for seeds in (["A"], ["A", "A"]))
    assert once == twice
