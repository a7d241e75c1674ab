"""Per product its newest orders, by order time."""

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np

from recommendations.engine.columns import AnyInts, Column, Ints
from recommendations.engine.orders import Orders

RING = 500
# A ring may hold this many more before its oldest go, so that cancellations seldom need a refill.
SLACK = 100


class Rings:
    """The newest `size` live orders of every product, and at most `slack` more; `total` is how many it has in all.

    What a product has beyond that stays in `Orders` only; when so many were taken back that the ring runs short, it
    is filled again from there: the content never depends on the order of arrival.
    """

    def __init__(self, orders: Orders, size: int = RING, slack: int = SLACK) -> None:
        self.size = size
        self._slack = slack
        self._orders = orders
        self._rings: list[array[int]] = []
        self.newest_at: Column[np.float64] = Column(np.float64, fill=-np.inf)
        self.total: Column[np.int32] = Column(np.int32)

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """What has a row for every product."""
        return self.newest_at, self.total

    def add_product(self) -> None:
        """A ring for the next row."""
        self._rings.append(array("i"))

    def newest(self, product: int, count: int) -> Ints:
        """The `count` newest orders of a product, oldest first."""
        return np.frombuffer(self._rings[product][-count:], dtype=np.int32)

    def every(self, product: int, without: int) -> Ints:
        """All orders of a product, in no certain order, but the one that was just taken out of its ring."""
        ring = self._rings[product]
        if len(ring) == int(self.total.data[product]):
            return self.newest(product, len(ring))
        found = self._orders.with_product(product)
        result: Ints = found[found != without]
        return result

    def insert(self, products: AnyInts, slot: int) -> None:
        """Put one order into the rings of its products."""
        at = float(self._orders.at.data[slot])
        self.total.data[products] += 1
        newest = self.newest_at.data
        appended = newest[products] < at
        if appended.all():
            newest[products] = at
            for product in products.tolist():
                ring = self._rings[product]
                ring.append(slot)
                if len(ring) > self.size + self._slack:
                    del ring[: len(ring) - self.size]
            return
        for product in products.tolist():
            self._insert_late(product, slot)

    def remove(self, products: AnyInts, slot: int) -> None:
        """Take one order out of the rings of its products; call it while the order is still in `Orders`."""
        self.total.data[products] -= 1
        for product in products.tolist():
            ring = self._rings[product]
            if slot in ring:
                ring.remove(slot)
            if len(ring) < min(self.size, int(self.total.data[product])):
                self._refill(product, slot)
            self.newest_at.data[product] = self._orders.at.data[ring[-1]] if ring else -np.inf

    @property
    def nbytes(self) -> int:
        return sum(ring.itemsize * len(ring) + 96 for ring in self._rings)

    def _insert_late(self, product: int, slot: int) -> None:
        ring, key = self._rings[product], self._key()
        position = bisect_left(ring, key(slot), key=key)
        covered = int(self.total.data[product]) - 1 == len(ring)
        if position == 0 and not covered:
            return  # older than anything the ring still knows
        ring.insert(position, slot)
        if len(ring) > self.size + self._slack:
            del ring[: len(ring) - self.size]
        self.newest_at.data[product] = self._orders.at.data[ring[-1]]

    def _refill(self, product: int, without: int) -> None:
        found = self.every(product, without)
        self._rings[product] = array("i", self._orders.newest(found, self.size + self._slack))

    def _key(self) -> Callable[[int], tuple[float, str]]:
        at, texts = self._orders.at.data, self._orders.names.texts
        return lambda slot: (at[slot], texts[slot])
