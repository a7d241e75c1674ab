"""The little shop of the worked cases."""

from collections.abc import Iterable

from recommendations.engine import Purchase, ShopEngine
from recommendations.engine.suggest import Question, suggest

DAY = 86_400.0
T0 = 1_780_000_000.0
BASE = ("ABC", "AB", "AC", "BD", "AB")


def purchase(order_id: str, products: Iterable[str], at: float = T0, customer: str | None = None) -> Purchase:
    return Purchase(order_id, customer, at, tuple(products))


def base_shop() -> ShopEngine:
    engine = ShopEngine()
    for number, products in enumerate(BASE, start=1):
        assert engine.put(purchase(f"O{number}", products, customer=f"c{number}"))
    return engine


def scores(engine: ShopEngine, *seeds: str, now: float = T0, **options: object) -> list[tuple[str, float]]:
    question = Question("bought_together", now, seeds=seeds, backfill=False, **options)  # type: ignore[arg-type]  # options of one test each
    return [(item.product_id, item.score) for item in suggest(engine, question)]
