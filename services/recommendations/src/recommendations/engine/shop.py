"""The engine of one shop: what was bought, ready to be asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommendations.engine.columns import AnyInts, Column, Floats, Ints, Names, Rows
from recommendations.engine.customers import Customers
from recommendations.engine.decay import Clockwork
from recommendations.engine.orders import NOBODY, Orders, size_weight
from recommendations.engine.purchase import Purchase
from recommendations.engine.rings import RING, SLACK, Rings
from recommendations.engine.sums import SHORTEST, Sums

SEASON_SAMPLE = 4096  # products that stand for all where a read needs a median


class ShopEngine:
    """One shop's orders in memory. `put` and `remove` are idempotent; whatever their order, the same orders make the
    same engine (up to rounding of the last bits).
    """

    def __init__(self, ring: int = RING, slack: int = SLACK) -> None:
        self.clock = Clockwork()
        self.orders = Orders()
        self.rings = Rings(self.orders, ring, slack)
        self.sums = Sums(self.orders, self.rings, self.clock)
        self.customers = Customers(self.orders)
        self.products = Names()
        self.scratch: Column[np.int64] = Column(np.int64)
        self._rows = Rows(self.scratch, *self.sums.columns, *self.rings.columns, *self.customers.columns)
        self.order_scratch: Column[np.int64] = Column(np.int64)
        self.newest_at: float | None = None

    def put(self, purchase: Purchase) -> bool:
        """Make the engine know this state of an order; False when it already did."""
        slot = self.orders.slots.get(purchase.order_id)
        if slot is not None:
            if self._same(slot, purchase):
                return False
            self._take_out(slot)
        elif not purchase.product_ids:
            return False
        if purchase.product_ids:
            self._put_in(purchase)
        return True

    def remove(self, order_id: str) -> bool:
        """Take an order back: cancelled, wholly refunded, or never meant."""
        slot = self.orders.slots.get(order_id)
        if slot is None:
            return False
        self._take_out(slot)
        return True

    def forget(self, customer_id: str) -> int:
        """Erase a person; the orders stay, as nobody's. Answers how many there were."""
        owner = self.customers.known(customer_id)
        if owner == NOBODY:
            return 0
        slots = self.customers.all_own(owner)
        for slot in slots:
            self.customers.remove(owner, self.orders.products(slot), slot)
            self.orders.owner.data[slot] = NOBODY
        return len(slots)

    def product(self, product_id: str) -> int:
        """The row of a product, made when new."""
        number = self.products.numbers.get(product_id)
        return self._add_product(product_id) if number is None else number

    def known(self, product_ids: Sequence[str]) -> Ints:
        """Rows of those of the products that were ever seen, each once, in the given order."""
        numbers = self.products.numbers
        rows = dict.fromkeys(numbers[product_id] for product_id in product_ids if product_id in numbers)
        return np.fromiter(rows, dtype=np.int32, count=len(rows))

    @property
    def size(self) -> int:
        """How many products there are rows for."""
        return len(self.products.texts)

    def marks(self, rows: AnyInts) -> NDArray[np.bool_]:
        """Whether each product row is one of these."""
        marked = np.zeros(self.size, dtype=np.bool_)
        marked[rows] = True
        return marked

    def popularity(self, rows: AnyInts) -> Floats:
        """The 14-day popularity of these products, that of the most popular of all = 1; it needs no time, as all decay
        alike.
        """
        recent = self.sums.recent14.data
        result: Floats = recent[rows] / (recent[: self.size].max(initial=0.0) or 1.0)
        return result

    def seasons(self, rows: AnyInts) -> tuple[Floats, float]:
        """The share of the last two weeks against that of the half-year of these products, and the median of all that
        are sold (of every n-th one in a large shop, as this is part of every read while orders stream in).
        """
        recent, long = self.sums.recent14.data[: self.size], self.sums.recent180.data[: self.size]
        most14, most180 = (float(column.max(initial=0.0)) or 1.0 for column in (recent, long))
        some = np.flatnonzero(self.rings.total.data[: self.size : 1 + self.size // SEASON_SAMPLE] > 0)
        some *= 1 + self.size // SEASON_SAMPLE
        sold = (recent[some] / most14 + 1e-6) / (long[some] / most180 + 1e-6)
        rates = (recent[rows] / most14 + 1e-6) / (long[rows] / most180 + 1e-6)
        return rates, float(np.median(sold)) if len(sold) else 1.0

    @property
    def nbytes(self) -> int:
        """About how much memory this shop takes."""
        own = self._rows.nbytes + self.order_scratch.nbytes + 240 * self.size
        return own + self.orders.nbytes + self.rings.nbytes + self.customers.nbytes

    def _add_product(self, product_id: str) -> int:
        self._rows.add()
        self.rings.add_product()
        return self.products.add(product_id)

    def _same(self, slot: int, purchase: Purchase) -> bool:
        owner = self.customers.known(purchase.customer_id)
        if float(self.orders.at.data[slot]) != purchase.at or int(self.orders.owner.data[slot]) != owner:
            return False
        if purchase.customer_id is not None and owner == NOBODY:
            return False
        texts = self.products.texts
        return {texts[row] for row in self.orders.products(slot).tolist()} == set(purchase.product_ids)

    def _put_in(self, purchase: Purchase) -> None:
        if self.clock.must_rebase(purchase.at, SHORTEST):
            self._rebase(purchase.at)
        numbers = self.products.numbers
        found = [numbers.get(product_id, -1) for product_id in purchase.product_ids]
        rows = np.array(
            [self.product(name) if row < 0 else row for row, name in zip(found, purchase.product_ids, strict=True)],
            dtype=np.int64,
        )
        owner = self.customers.number_of(purchase.customer_id)
        slot = self.orders.add(purchase.order_id, purchase.at, owner, rows)
        if self.order_scratch.size < len(self.orders.names.texts):
            self.order_scratch.extend(1)
        grow, share = self.clock.growth, size_weight(len(rows))
        self.orders.weight180.data[slot] = share * grow(purchase.at, 180.0)
        self.orders.weight365.data[slot] = share * grow(purchase.at, 365.0)
        self.sums.insert(rows, slot)
        self.rings.insert(rows, slot)
        self.customers.insert(owner, rows, slot)
        if self.newest_at is None or purchase.at > self.newest_at:
            self.newest_at = purchase.at

    def _take_out(self, slot: int) -> None:
        rows = self.orders.products(slot).copy()
        self.rings.remove(rows, slot)
        self.sums.remove(rows, slot)
        self.customers.remove(int(self.orders.owner.data[slot]), rows, slot)
        self.orders.drop(slot)

    def _rebase(self, landmark: float) -> None:
        """Move the landmark forward, once in 19 years of order time."""
        self.sums.rebase(landmark)
        self.orders.scale(self.clock.shrink(landmark, 180.0), self.clock.shrink(landmark, 365.0))
        self.clock.landmark = landmark
