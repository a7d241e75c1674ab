"""The service's own engine, asked as its routes ask it."""

from collections.abc import Sequence

import numpy as np

from benchmarks.recommendations.journey import Window
from recommendations.engine import ShopEngine
from recommendations.engine.catalog import Catalog, Product
from recommendations.engine.columns import Floats
from recommendations.engine.question import Question
from recommendations.engine.suggest import suggest

METHOD = "Comeback"


class Engine:
    """An engine with the training orders; only products of the catalogue may be offered.

    The catalog is used for the next basket only, where ``next_basket`` is asked for with it: complements of the type at
    hand are left out where a shop names types, which is a merchant's wish and not what the task asks for.
    """

    def __init__(self, window: Window, products: Sequence[Product]) -> None:
        self.window = window
        self.engine = ShopEngine()
        for order in window.train:
            self.engine.put(order)
        self.factors: Floats = np.zeros(self.engine.size)
        self.factors[self.engine.known(window.catalogue)] = 1.0
        self.catalog = Catalog(self.engine)
        sold = self.engine.products.numbers
        for product in products:
            if product.product_id in sold:
                self.catalog.put(product)

    def _ask(self, question: Question) -> list[str]:
        return [item.product_id for item in suggest(self.engine, question)]

    def complete(self, seeds: tuple[str, ...], customer_id: str | None) -> list[str]:
        """`POST /basket`."""
        asked = Question("bought_together", self.window.cut, seeds=seeds, customer_id=customer_id, factors=self.factors)
        return self._ask(asked)

    def next_basket(self, customer_id: str, *, catalog: bool) -> list[str]:
        """`GET /customers/{id}?kind=buy_again`, of a shop that has told its catalog or has not."""
        asked = Question(
            "buy_again",
            self.window.cut,
            customer_id=customer_id,
            factors=self.factors,
            catalog=self.catalog if catalog else None,
        )
        return self._ask(asked)

    def discover(self, seeds: tuple[str, ...], customer_id: str) -> list[str]:
        """`POST /basket` with `exclude_owned`."""
        asked = Question(
            "bought_together",
            self.window.cut,
            seeds=seeds,
            customer_id=customer_id,
            exclude_owned=True,
            factors=self.factors,
        )
        return self._ask(asked)
