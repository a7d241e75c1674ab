"""The service's own engine, asked as its routes ask it."""

import numpy as np

from benchmarks.recommendations.journey import Window
from recommendations.engine import ShopEngine
from recommendations.engine.columns import Floats
from recommendations.engine.question import Question
from recommendations.engine.suggest import suggest

METHOD = "Comeback"


class Engine:
    """An engine with the training orders; only products of the catalogue may be offered."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.engine = ShopEngine()
        for order in window.train:
            self.engine.put(order)
        self.factors: Floats = np.zeros(self.engine.size)
        self.factors[self.engine.known(window.catalogue)] = 1.0

    def _ask(self, question: Question) -> list[str]:
        return [item.product_id for item in suggest(self.engine, question)]

    def complete(self, seeds: tuple[str, ...], customer_id: str | None) -> list[str]:
        """`POST /basket`."""
        asked = Question("bought_together", self.window.cut, seeds=seeds, customer_id=customer_id, factors=self.factors)
        return self._ask(asked)

    def next_basket(self, customer_id: str) -> list[str]:
        """`GET /customers/{id}?kind=buy_again`."""
        return self._ask(Question("buy_again", self.window.cut, customer_id=customer_id, factors=self.factors))

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
